// Copy buttons of answers, questions and code blocks.
import { announce } from "./announce.js";
import { parseHtml } from "./trusted.js";

const CONFIRMATION_MS = 1600;

/** @param {string} name */
function icon(name) {
  return parseHtml(`<svg class="icon" aria-hidden="true"><use href="#icon-${name}"/></svg>`);
}

/** Buttons are no part of a model's output, so code blocks get theirs here. @param {Element} root */
export function addCopyButtons(root) {
  for (const head of root.querySelectorAll(".code-head:not(:has(button))")) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.copyCode = "";
    button.append(icon("copy"), "Copy");
    head.append(button);
  }
}

/** What a reader would get by selecting it, so headings and lists keep their lines. @param {Element} element */
function readableText(element) {
  const selection = getSelection();
  selection.selectAllChildren(element);
  const text = selection.toString();
  selection.removeAllRanges();
  return text;
}

/** @param {HTMLElement} button */
function confirm(button) {
  const use = button.querySelector("use");
  use.setAttribute("href", "#icon-check");
  announce("Copied");
  setTimeout(() => use.setAttribute("href", "#icon-copy"), CONFIRMATION_MS);
}

document.addEventListener("click", async (event) => {
  const button = /** @type {HTMLElement | null} */ (event.target.closest("[data-copy], [data-copy-code]"));
  if (!button) return;
  const source = button.dataset.copy
    ? document.querySelector(button.dataset.copy)
    : button.closest(".code-block").querySelector("code");
  const text = button.dataset.copy ? readableText(source) : source.textContent;
  try {
    await navigator.clipboard.writeText(text);
    confirm(button);
  } catch {
    announce("The browser does not allow copying here. Select the text instead.");
  }
});

addCopyButtons(document.body);
document.addEventListener("htmx:after:swap", () => addCopyButtons(document.body));
