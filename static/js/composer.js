// Writing and sending. A message keeps its id until the server has it, so sending again never doubles it.
import { follow } from "./follow.js";
import { isTouch } from "./touch.js";
import { uuid4 } from "./uuid.js";

const form = /** @type {HTMLFormElement} */ (document.getElementById("composer"));
const text = /** @type {HTMLTextAreaElement} */ (document.getElementById("composer-text"));
const problem = /** @type {HTMLElement} */ (document.getElementById("composer-error"));
const count = /** @type {HTMLElement} */ (document.getElementById("composer-count"));
const limit = Number(text.dataset.limit);
let sent = "";

const draftKey = () => `draft:${location.pathname}`;

function showCount() {
  const length = text.value.length;
  count.textContent = length > limit * 0.8 ? `${length.toLocaleString("en")} of ${limit.toLocaleString("en")}` : "";
  count.toggleAttribute("data-over", length > limit);
}

function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
}

function changed() {
  form.elements.namedItem("message").value = "";
  if (text.value) sessionStorage.setItem(draftKey(), text.value);
  else sessionStorage.removeItem(draftKey());
  showCount();
  grow();
}

/** @param {string} sentence */
function complain(sentence) {
  const note = document.createElement("p");
  note.className = "notice notice-danger";
  note.setAttribute("role", "alert");
  note.textContent = sentence;
  problem.replaceChildren(note);
}

/** @param {HTMLTextAreaElement} area @param {KeyboardEvent} event */
function sendsNow(area, event) {
  const composing = event.isComposing || event.keyCode === 229; // An input method is choosing a character.
  return event.key === "Enter" && !event.shiftKey && !composing && !isTouch && area.hasAttribute("data-enter-sends");
}

document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (field instanceof HTMLTextAreaElement && sendsNow(field, event)) {
    event.preventDefault();
    field.form?.requestSubmit();
  } else if (event.key === "Escape") {
    /** @type {HTMLElement | null} */ (field.closest("form")?.querySelector("[data-cancel]"))?.click();
  }
});

// Before htmx hears of it: refuse what cannot be sent, and name what can.
document.addEventListener(
  "submit",
  (event) => {
    const submitted = /** @type {HTMLFormElement} */ (event.target);
    const id = submitted.elements.namedItem("message");
    if (!(id instanceof HTMLInputElement)) return;
    id.value ||= uuid4();
    if (submitted !== form) return;
    if (text.value.trim()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    text.focus();
  },
  { capture: true },
);

text.addEventListener("input", changed);

form.addEventListener("htmx:before:request", () => {
  form.setAttribute("aria-busy", "true");
  problem.replaceChildren();
  sent = text.value;
});

form.addEventListener("htmx:finally:request", () => {
  form.removeAttribute("aria-busy");
  follow(); // Only now: the composer, which shrinks, and the turns, which grow, look like scrolling up.
});

form.addEventListener("htmx:error", (event) => {
  event.stopPropagation();
  complain("The message could not be sent: the server did not answer. Your text is kept; send it again.");
});

form.addEventListener("htmx:after:request", (event) => {
  const { response } = event.detail.ctx;
  if (response.status >= 400 || response.raw.redirected) return;
  sessionStorage.removeItem(draftKey());
  if (text.value.startsWith(sent)) text.value = text.value.slice(sent.length).trimStart(); // What was written meanwhile.
  changed();
  if (!isTouch) text.focus(); // The answer is read on the whole screen.
});

document.addEventListener("click", (event) => {
  const example = /** @type {HTMLElement | null} */ (event.target.closest("[data-example]"));
  if (!example) return;
  text.value = example.dataset.example ?? "";
  changed();
  form.requestSubmit();
});

if (isTouch) document.getElementById("composer-hint").remove();
if (!text.value) text.value = sessionStorage.getItem(draftKey()) ?? "";
changed();
