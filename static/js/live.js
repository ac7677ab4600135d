// Running answers: subscribed over the socket; while there is none, the page asks for them and for what is new.
import { catchUp, findAnswer, findLive, parseArticle, showFinal, showStatus, showText } from "./answer.js";
import { loadAgain } from "./leave.js";
import { root } from "./root.js";
import { Socket } from "./socket.js";
import { changed, refresh, refreshList, revised } from "./thread.js";

const PATIENCE = 4_000;
const POLL = 2_000;
const REFRESH_EVERY = 5; // Polls; the whole branch costs more than a running answer.
const NOTICE_AFTER = 2_000;
const STOP_AGAIN = 3_000;
const SETTLED = 1_000; // A socket that is refused for want of room opens first.
const RELOADED = "reloaded-signed-out";
const RELOAD_AGAIN = 30_000;
const offline = document.getElementById("offline");
const crowded = document.getElementById("crowded");
const main = document.getElementById("content");
/** @type {Set<string>} */ const subscribed = new Set();
let lostAt = Date.now();
let wasLost = false;
let answered = false;
let polls = 0;

const socket = new Socket(`${root}ws/`, {
  opened() {
    if (wasLost) refresh();
    wasLost = false;
    lostAt = Infinity;
    main.toggleAttribute("data-connected", true);
    offline.hidden = true;
    setTimeout(() => (crowded.hidden ||= socket.isOpen), SETTLED);
    subscribed.clear();
    subscribe();
  },
  lost() {
    wasLost = true;
    answered = false;
    polls = 0;
    if (lostAt === Infinity) lostAt = Date.now();
    main.removeAttribute("data-connected");
  },
  received: dispatch,
  signedOut,
  crowded: () => (crowded.hidden = false),
  waiting: () => findLive().length > 0,
});

/** To the sign-in page; the composer keeps its text. Not again and again, should the server let the page in after all. */
function signedOut() {
  if (Date.now() - Number(sessionStorage.getItem(RELOADED)) < RELOAD_AGAIN) return;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  loadAgain();
}

/** @param {any} frame */
function dispatch(frame) {
  if (frame.type === "reload") return refreshList();
  if (frame.type === "changed") return changed(frame);
  if (frame.type === "revised") return revised(frame);
  if (!frame.generation) return;
  const answer = findAnswer(frame.generation);
  if (!answer) return leave(frame.generation);
  if (frame.type === "status") showStatus(answer, frame);
  else if (frame.type === "text") showText(answer, frame) || subscribeTo(frame.generation, 0);
  else if (frame.type === "snapshot" || frame.type === "append") showText(answer, renewed(frame));
  else if (frame.type === "final") {
    if (showFinal(answer, frame)) subscribed.delete(frame.generation);
    else subscribeTo(frame.generation, 0);
  } else if (frame.type === "error") poll(answer);
}

/** The page shows another branch now. @param {string} generation */
function leave(generation) {
  if (subscribed.delete(generation)) socket.send({ type: "unsubscribe", generation });
}

/** A frame of protocol 1, from a server that has not been renewed yet, as one of protocol 2. @param {any} frame */
function renewed({ generation, type, seq, html, open }) {
  return { generation, seq, keep: 0, html: html + open, settled: html.length, reset: type === "snapshot" };
}

/** @param {string} generation @param {number} seq the entry up to which the page shows it */
function subscribeTo(generation, seq) {
  if (socket.send({ type: "subscribe", generation, seq, protocol: 2 })) subscribed.add(generation);
}

function subscribe() {
  for (const { dataset } of findLive()) {
    if (!subscribed.has(dataset.generation)) subscribeTo(dataset.generation, Number(dataset.seq));
  }
}

/** @param {HTMLElement} answer @returns {Promise<boolean>} whether the server answered */
async function poll(answer) {
  const response = await fetch(answer.dataset.messageUrl, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (response?.redirected) loadAgain(); // To the sign-in page: the session is over.
  else if (response?.status === 404) refresh(); // It was deleted.
  else if (response?.ok) catchUp(answer, parseArticle(await response.text()), !socket.isOpen);
  return response !== null && response.status < 500;
}

async function ask() {
  const due = polls++ % REFRESH_EVERY === 0;
  const answers = await Promise.all([...findLive().map(poll), ...(due ? [refresh()] : [])]);
  if (answers.length > 0) answered = answers.every(Boolean);
}

setInterval(() => {
  const lostFor = Date.now() - lostAt;
  const asks = !document.hidden || findLive().length > 0; // A hidden page only waits for its answers.
  if (!socket.isOpen && lostFor > PATIENCE && asks) ask();
  offline.hidden = navigator.onLine && (socket.isOpen || answered || lostFor < NOTICE_AFTER);
}, POLL);

/** @param {HTMLElement} answer */
function stop(answer) {
  const { generation } = answer.dataset;
  const post = () => htmx.ajax("POST", `${root}generations/${generation}/stop/`, { source: answer, swap: "none" });
  if (!socket.send({ type: "stop", generation })) post();
  // The connection may be dead without the browser knowing it.
  else setTimeout(() => findLive().some((live) => live.dataset.generation === generation) && post(), STOP_AGAIN);
}

document.addEventListener("click", (event) => {
  const button = /** @type {Element} */ (event.target).closest("[data-stop]");
  const answer = button && (button.closest(".answer") ?? findLive()[0]);
  if (answer) stop(/** @type {HTMLElement} */ (answer));
});

for (const swapped of ["htmx:after:swap", "thread:merged"]) document.addEventListener(swapped, subscribe);
socket.connect();
