// Feedback by keyboard, and where the focus goes after something was done with it.

const rows = () => [...document.querySelectorAll("[data-triage] .feedback")];
let current = "";

const row = () => document.activeElement?.closest(".feedback") ?? document.getElementById(current);

/** @param {string} text */
function say(text) {
  const status = document.getElementById("console-status");
  if (status) status.textContent = text;
}

/** @param {HTMLElement | undefined} element */
function focusRow(element) {
  if (!element) return;
  current = element.id;
  element.focus();
  element.scrollIntoView({ block: "nearest" });
}

/** @param {1 | -1} step */
function move(step) {
  const all = rows();
  const at = all.indexOf(row());
  focusRow(all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + step))]);
}

function acknowledge() {
  const shown = row() ?? (rows().length === 1 ? rows()[0] : null);
  const button = shown?.querySelector('[data-key="a"]');
  if (!button) return say("Move to new feedback first, with j.");
  // A fast key can come before htmx bound the row; unbound, a click leaves the page.
  window.htmx.process(shown);
  button.click();
}

const COMMANDS = { j: () => move(1), k: () => move(-1), a: acknowledge };

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, [contenteditable], dialog[open]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || rows().length === 0) return;
  if (event.key === "Enter" && event.target.matches(".feedback")) event.target.querySelector("[data-open]")?.click();
  else if (Object.hasOwn(COMMANDS, event.key)) COMMANDS[event.key]();
  else return;
  event.preventDefault();
});

document.addEventListener("focusin", (event) => {
  const focused = event.target.closest(".feedback");
  if (focused) current = focused.id;
});

document.addEventListener("htmx:after:swap", (event) => {
  const id = event.detail.ctx?.target?.id ?? "";
  const swapped = id.startsWith("feedback-") ? document.getElementById(id) : null;
  if (!swapped) return;
  const all = rows();
  const next = all.slice(all.indexOf(swapped) + 1).find((other) => other.dataset.status === "new");
  focusRow(swapped.dataset.status === "new" ? swapped : (next ?? swapped));
});
