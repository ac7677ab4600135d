// Running answers: subscribed over the socket, polled while there is none.
import { findAnswer, findLive, replaceAnswer, showFinal, showStatus, showText } from "./answer.js";
import { Socket } from "./socket.js";

const PATIENCE = 5_000;
const POLL = 2_000;
const NOTICE_AFTER = 2_000;
const offline = document.getElementById("offline");
/** @type {Set<string>} */ const subscribed = new Set();
let lostAt = Date.now();

const socket = new Socket("/ws/", {
  opened() {
    lostAt = Infinity;
    offline.hidden = true;
    subscribed.clear();
    subscribe();
  },
  lost() {
    if (lostAt === Infinity) lostAt = Date.now();
  },
  received: dispatch,
  signedOut: () => location.reload(),
});

/** @param {any} frame */
function dispatch(frame) {
  if (frame.type === "reload") return refreshList();
  const answer = frame.generation ? findAnswer(frame.generation) : null;
  if (!answer) return;
  if (frame.type === "status") showStatus(answer, frame);
  else if (frame.type === "snapshot" || frame.type === "append") showText(answer, frame, frame.type === "snapshot");
  else if (frame.type === "final") {
    subscribed.delete(frame.generation);
    showFinal(answer, frame);
  } else if (frame.type === "error") poll(answer);
}

function refreshList() {
  if (document.querySelector("#conversations :is(form, :popover-open)")) return; // Somebody renames, or has a menu open.
  htmx.ajax("GET", "/conversations/", { target: "#conversations", swap: "outerHTML" });
}

function subscribe() {
  const live = findLive();
  if (live.length) socket.connect();
  for (const answer of live) {
    const { generation, seq } = answer.dataset;
    if (subscribed.has(generation)) continue;
    if (socket.send({ type: "subscribe", generation, seq: Number(seq) })) subscribed.add(generation);
  }
}

/** @param {HTMLElement} answer */
async function poll(answer) {
  const response = await fetch(answer.dataset.messageUrl, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (response?.redirected) location.reload(); // To the sign-in page: the session is over.
  else if (response?.ok) replaceAnswer(answer, await response.text());
}

setInterval(() => {
  const live = findLive();
  const lostFor = Date.now() - lostAt;
  offline.hidden = live.length === 0 || lostFor < NOTICE_AFTER || lostAt === Infinity;
  if (!socket.isOpen && lostFor > PATIENCE) live.forEach(poll);
}, POLL);

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-stop]")) return;
  for (const answer of findLive()) {
    const { generation } = answer.dataset;
    if (!socket.send({ type: "stop", generation })) {
      htmx.ajax("POST", `/generations/${generation}/stop/`, { source: answer, swap: "none" });
    }
  }
});

document.addEventListener("htmx:after:swap", subscribe);
subscribe();
