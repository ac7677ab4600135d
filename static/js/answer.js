// One answer on the page: what a frame of the socket, or the answer fetched anew, changes in its <article>.
import { announce, announceInTitle } from "./announce.js";
import { showContext } from "./context.js";
import { addCopyButtons } from "./copy.js";
import { notifyReady } from "./notify.js";
import { showPlace } from "./place.js";
import { LiveText, adoptBody } from "./text.js";
import { parseHtml } from "./trusted.js";

/**
 * @typedef {{generation: string, status: string} & import("./place.js").Place} StatusFrame
 * @typedef {{generation: string} & import("./text.js").TextFrame} TextFrame
 * @typedef {{generation: string, status: string} & import("./text.js").FinalFrame} FinalFrame
 */

/** @type {WeakMap<HTMLElement, LiveText>} */ const texts = new WeakMap();
const ENDINGS = {
  complete: "Answer ready",
  stopped: "Answer stopped",
  interrupted: "Answer interrupted",
  failed: "Answer failed",
  blocked: "Answer withheld",
  retracted: "Answer taken back",
};

/** @returns {HTMLElement[]} the answers that are not finished, first the one that runs or comes next */
export function findLive() {
  return [...document.querySelectorAll(".answer:is([data-status=queued], [data-status=answering])")];
}

/** @param {string} generation @returns {HTMLElement | null} */
export function findAnswer(generation) {
  return document.querySelector(`.answer[data-generation="${CSS.escape(generation)}"]`);
}

/** @param {HTMLElement} answer @param {StatusFrame} frame */
export function showStatus(answer, frame) {
  const text = showPlace(answer, frame);
  if (answer.dataset.status !== frame.status) announce(text);
  answer.dataset.status = frame.status;
}

/** @param {HTMLElement} answer @param {TextFrame} frame @returns {boolean} whether it fits; if not, subscribe again */
export function showText(answer, frame) {
  const body = answer.querySelector("[data-body]");
  // What the server rendered into the page is not known piece by piece: the whole must come first.
  if (!texts.has(answer) && !frame.reset) return false;
  if (!texts.has(answer)) texts.set(answer, new LiveText(body));
  const fits = texts.get(answer).apply(frame);
  if (fits) answer.dataset.seq = String(frame.seq);
  addCopyButtons(body);
  return fits;
}

/** @param {HTMLElement} answer @param {FinalFrame} frame @returns {boolean} as for showText */
export function showFinal(answer, frame) {
  const fits = texts.get(answer)?.holds(frame) ?? frame.kept === undefined;
  if (fits) end(answer, parseArticle(frame.html), frame);
  return fits;
}

/** @param {string} html a whole <article>, rendered and sanitised by the server @returns {HTMLElement} */
export function parseArticle(html) {
  return /** @type {HTMLElement} */ (parseHtml(html).firstElementChild);
}

/**
 * What the server renders now, against what the page shows: an end is taken over; what has ended already stays, unless
 * a reviewer changed it.
 *
 * @param {HTMLElement} answer @param {HTMLElement} fresh
 * @param {boolean} alone no socket brings text and state, so both are taken from here
 */
export function catchUp(answer, fresh, alone = false) {
  if (!isLive(answer) && (isLive(fresh) || isSame(answer, fresh))) return;
  if (!isLive(answer)) announce("A reviewer's decision changed an answer.");
  if (!isLive(fresh)) end(answer, fresh);
  else if (alone) takeOver(answer, fresh);
}

/** @param {HTMLElement} turn @param {HTMLElement} fresh of the same message @returns {boolean} */
export function isSame({ dataset: shown }, { dataset: fresh }) {
  return shown.status === fresh.status && shown.revision === fresh.revision;
}

/** @param {HTMLElement} answer */
const isLive = (answer) => ["queued", "answering"].includes(answer.dataset.status);

/** @param {HTMLElement} answer @param {HTMLElement} fresh */
function takeOver(answer, fresh) {
  if (answer.dataset.status !== fresh.dataset.status) announce(fresh.querySelector("[data-progress-text]").textContent);
  answer.dataset.status = fresh.dataset.status;
  const line = fresh.querySelector("[data-progress]");
  answer.querySelector("[data-progress]").replaceWith(line);
  htmx.process(line);
  const html = fresh.querySelector("[data-body]").innerHTML;
  showText(answer, { generation: "", seq: Number(fresh.dataset.seq), reset: true, keep: 0, html });
}

/** @param {HTMLElement} answer @param {HTMLElement} fresh @param {Partial<FinalFrame>} frame */
function end(answer, fresh, frame = {}) {
  const wasLive = isLive(answer);
  const hadFocus = answer.contains(document.activeElement);
  adoptBody(fresh, answer, frame);
  answer.replaceWith(fresh);
  htmx.process(fresh);
  addCopyButtons(fresh);
  showContext();
  if (hadFocus) fresh.querySelector(".turn-actions button")?.focus({ preventScroll: true });
  if (!wasLive) return;
  const ending = ENDINGS[fresh.dataset.status] ?? "Answer ready";
  announce(ending);
  announceInTitle(ending);
  notifyReady(ending);
}
