// One answer on the page: what a frame of the socket changes in its <article>.
import { announce, announceInTitle } from "./announce.js";
import { showContext } from "./context.js";
import { addCopyButtons } from "./copy.js";

/**
 * @typedef {{generation: string, status: string, position: number | null, wait_seconds: number | null, note: string}} StatusFrame
 * @typedef {{generation: string, seq: number, html: string, open: string}} TextFrame
 * @typedef {{generation: string, status: string, html: string}} FinalFrame
 */

const ENDINGS = {
  complete: "Answer ready",
  stopped: "Answer stopped",
  interrupted: "Answer interrupted",
  failed: "Answer failed",
  blocked: "Answer withheld",
};

/** @returns {HTMLElement[]} the answers that are not finished */
export function findLive() {
  return [...document.querySelectorAll(".answer:is([data-status=queued], [data-status=answering])")];
}

/** @param {string} generation @returns {HTMLElement | null} */
export function findAnswer(generation) {
  return document.querySelector(`.answer[data-generation="${CSS.escape(generation)}"]`);
}

/** @param {HTMLElement} answer @param {StatusFrame} frame */
export function showStatus(answer, frame) {
  const queued = frame.status === "queued";
  const text = frame.note || (queued ? "Waiting for a free place" : "Thinking");
  if (answer.dataset.status !== frame.status) announce(text);
  answer.dataset.status = frame.status;
  const line = answer.querySelector("[data-progress]");
  if (!line) return;
  line.querySelector("[data-progress-text]").textContent = text;
  const place = line.querySelector("[data-queue]");
  place.hidden = frame.position === null;
  place.textContent = frame.position === null ? "" : describePlace(frame.position, frame.wait_seconds);
}

/** @param {number} position @param {number | null} seconds */
function describePlace(position, seconds) {
  const wait = seconds === null ? "" : `, about ${seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`}`;
  return `number ${position} in the queue${wait}`;
}

/** @param {HTMLElement} answer @param {TextFrame} frame @param {boolean} replaces */
export function showText(answer, frame, replaces) {
  const closed = answer.querySelector("[data-closed]");
  const open = answer.querySelector("[data-open]");
  if (!closed || !open) return;
  if (replaces) closed.innerHTML = frame.html;
  else if (frame.html) closed.insertAdjacentHTML("beforeend", frame.html);
  if (frame.html) addCopyButtons(closed);
  open.innerHTML = frame.open;
  answer.dataset.seq = String(frame.seq);
}

/** @param {HTMLElement} answer @param {FinalFrame} frame */
export function showFinal(answer, frame) {
  replaceAnswer(answer, frame.html);
  const ending = ENDINGS[frame.status] ?? "Answer ready";
  announce(ending);
  announceInTitle(ending);
}

/** @param {HTMLElement} answer @param {string} html the whole <article>, rendered and sanitised by the server */
export function replaceAnswer(answer, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = /** @type {HTMLElement} */ (template.content.firstElementChild);
  answer.replaceWith(fresh);
  htmx.process(fresh);
  addCopyButtons(fresh);
  showContext();
}
