// The line above a running answer: what it waits for, its place in the queue, and what can be done about that.
// The words are those of templates/conversations/_progress.html and rendering.py.

/**
 * @typedef {object} Place
 * @property {string} status
 * @property {number | null} position
 * @property {number | null} wait_seconds
 * @property {string} note
 * @property {boolean} [follows] the answer above it is not finished
 * @property {string} [faster] the smaller model that could answer at once
 */

/** @param {HTMLElement} answer @param {Place} place @returns {string} what the line now says first */
export function showPlace(answer, place) {
  const text = place.note || describeState(place);
  const line = answer.querySelector("[data-progress]");
  if (!line) return text;
  setText(line.querySelector("[data-progress-text]"), text);
  const queue = describeQueue(place);
  const shown = /** @type {HTMLElement} */ (line.querySelector("[data-queue]"));
  shown.hidden = !queue;
  setText(shown, queue);
  const button = /** @type {HTMLElement} */ (line.querySelector("[data-testid=switch-model]"));
  button.hidden = !place.faster;
  setText(button.querySelector("[data-faster]"), place.faster ?? "");
  return text;
}

/** @param {Place} place */
function describeState(place) {
  if (place.status !== "queued") return "Thinking";
  return place.follows ? "Answered after the one above" : "Waiting for a free place";
}

/** @param {Place} place */
function describeQueue(place) {
  if (place.position === null) return "";
  const parts = place.follows ? [] : [`number ${place.position} in the queue`];
  if (place.wait_seconds !== null) parts.push(describeWait(place.wait_seconds));
  return parts.join(", ");
}

/** @param {number} seconds */
function describeWait(seconds) {
  return `about ${seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`}`;
}

/** Leaves equal text alone, so that a selection survives. @param {Element} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
