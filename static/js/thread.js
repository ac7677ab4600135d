// Keeps the page in step with other tabs and devices: fetches its branch anew and changes only what differs.
import { announce } from "./announce.js";
import { catchUp, isSame } from "./answer.js";
import { showContext } from "./context.js";
import { addCopyButtons } from "./copy.js";
import { loadAgain } from "./leave.js";
import { root } from "./root.js";
import { parseHtml } from "./trusted.js";

const AGAIN = 200;
const LEAVING = 500;
const LONG = 10_000;
const RETRY = 4_000;
const thread = () => /** @type {HTMLElement} */ (document.getElementById("thread"));
let swaps = 0;
/** @type {Promise<boolean> | null} */ let running = null;
let wanted = false;
/** @type {number | undefined} */ let retry;

/** @param {{conversation: string, message: string | null}} frame */
export function changed(frame) {
  if (frame.conversation === thread().dataset.conversation) {
    if (frame.message === null) setTimeout(showGone, LEAVING); // The page that deleted it has left by then.
    else if (!document.getElementById(`message-${frame.message}`)) refresh();
  }
  const listed = document.querySelector(`#conversation-${CSS.escape(frame.conversation)}`);
  const isNewest = listed !== null && listed === document.querySelector("#conversations .conversation");
  if (frame.message === null ? listed : !isNewest) refreshList();
}

/** A reviewer decided on something of this person's. @param {{conversation: string}} frame */
export function revised(frame) {
  if (frame.conversation === thread().dataset.conversation) refresh();
  htmx.ajax("GET", `${root}notices/new/`, { target: "#notices", swap: "outerHTML" });
}

export function refreshList() {
  if (document.querySelector("#conversations :is(form, :popover-open)")) return; // Somebody renames, or has a menu open.
  htmx.ajax("GET", `${root}conversations/`, { target: "#conversations", swap: "outerHTML" });
}

/** @returns {Promise<boolean>} whether the server answered; calls meanwhile share one further fetch */
export function refresh() {
  wanted = true;
  running ??= run().finally(() => (running = null));
  return running;
}

async function run() {
  let answered = true;
  while (wanted && document.querySelector(".turn")) {
    wanted = false;
    // What this page itself has under way is its own to show; another change may come between fetch and merge.
    while (isBusy()) await new Promise((resolve) => setTimeout(resolve, AGAIN));
    const before = swaps;
    const response = await fetch(address(), { headers: { "HX-Request": "true" } }).catch(() => null);
    answered = response !== null && response.status < 500;
    if (response?.redirected) loadAgain(); // To the sign-in page: the session is over.
    else if (response?.status === 404) showGone();
    else if (response?.ok) {
      const html = await response.text();
      if (swaps !== before || isBusy()) wanted = true;
      else merge(html);
    }
  }
  clearTimeout(retry);
  // With jitter: what was away for all pages is back for all at once.
  if (!answered) retry = setTimeout(refresh, RETRY * (1 + Math.random()));
  return answered;
}

const isBusy = () => document.querySelector("#composer[aria-busy=true], .htmx-request") !== null;

/**
 * The branch to ask for: that of the page, with what was added below it. Where the page shows the newest version of
 * its last answer or question, a newer one is followed; a version that somebody went back to is kept.
 */
function address() {
  const url = new URL(`${root}c/${thread().dataset.conversation}/`, location.href);
  const turns = [...thread().querySelectorAll(".turn")];
  let at = turns.length - 1;
  for (let followed = 0; followed < 2 && at >= 0 && isNewest(turns[at]); followed++) at--;
  if (at >= 0) url.searchParams.set("leaf", turns[at].id.replace("message-", ""));
  return url.pathname + url.search;
}

/** @param {Element} turn */
function isNewest(turn) {
  return turn.querySelector(".branch") === null || turn.querySelector("[data-testid=branch-next][aria-disabled]") !== null;
}

/** @param {string} html */
function merge(html) {
  const page = parseHtml(html);
  const turns = document.getElementById("turns");
  const fresh = [...page.querySelectorAll("#turns > .turn")];
  const ids = new Set(fresh.map((turn) => turn.id));
  for (const turn of [...turns.children]) if (!ids.has(turn.id)) turn.remove();
  let added = 0;
  fresh.forEach((turn, index) => {
    const shown = /** @type {HTMLElement | null} */ (turns.querySelector(`:scope > #${CSS.escape(turn.id)}`));
    if (!shown) added++;
    const kept = shown ? update(shown, /** @type {HTMLElement} */ (turn)) : turn;
    if (turns.children[index] !== kept) turns.insertBefore(kept, turns.children[index] ?? null);
    if (!shown) htmx.process(turn);
  });
  document.getElementById("leaf").replaceWith(page.querySelector("#leaf"));
  addCopyButtons(turns);
  showContext();
  if (added) announce("New in this conversation, from another window.");
  document.dispatchEvent(new CustomEvent("thread:merged"));
}

/** @param {HTMLElement} shown @param {HTMLElement} fresh @returns {HTMLElement} the one that stays */
function update(shown, fresh) {
  if (shown.matches("form")) return shown; // Somebody edits the question.
  if (shown.matches(".answer")) catchUp(shown, fresh);
  else if (!isSame(shown, fresh)) shown.replaceWith(fresh);
  if (fresh.isConnected) return fresh; // It took the other's place.
  showBranch(shown, fresh);
  return shown;
}

/** @param {HTMLElement} shown @param {HTMLElement} fresh */
function showBranch(shown, fresh) {
  const [old, now] = [shown, fresh].map((turn) => turn.querySelector(".branch"));
  if (!now || old?.getAttribute("aria-label") === now.getAttribute("aria-label")) return;
  if (old) old.replaceWith(now);
  else shown.querySelector(".turn-actions").append(now);
  htmx.process(now);
}

function showGone() {
  const gone = /** @type {HTMLTemplateElement} */ (document.getElementById("gone"));
  if (!gone.content.firstElementChild) return;
  document.getElementById("turns").replaceChildren(gone.content);
  document.getElementById("composer").hidden = true;
  announce("This conversation was deleted.");
}

document.addEventListener("htmx:after:swap", () => swaps++);

// Word of a change may have been lost meanwhile.
let hiddenAt = Infinity;
document.addEventListener("visibilitychange", () => {
  if (document.hidden) hiddenAt = Date.now();
  else if (Date.now() - hiddenAt > LONG) refresh();
});
