// The review queue by keyboard, and where the focus goes after a flag was opened, claimed or decided.
import "./polling.js";

const DECIDED = new Set(["upheld", "dismissed"]);
const rows = () => [...document.querySelectorAll("[data-keys] .flag")];
let current = null;

const row = () => document.activeElement?.closest(".flag") ?? document.getElementById(current) ?? null;

/** @param {string} text */
function say(text) {
  const status = document.getElementById("console-status");
  if (status) status.textContent = text;
}

/** @param {Element | undefined} element */
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

/**
 * A fast reviewer's key can come before htmx bound the page, or a flag just opened; unbound, a click leaves the page.
 * @param {Element} flag
 * @param {string} selector
 */
function click(flag, selector) {
  window.htmx.process(flag);
  flag.querySelector(selector)?.click();
}

/** @param {string} key */
function press(key) {
  const [flag, button] = [row(), `[data-key="${key}"]`];
  if (flag?.querySelector(button)) click(flag, button);
  else say(key === "c" ? "Move to an open flag first, with j." : "Claim the flag first, with c.");
}

const COMMANDS = {
  j: () => move(1),
  k: () => move(-1),
  c: () => press("c"),
  u: () => press("u"),
  d: () => press("d"),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, [contenteditable], dialog[open]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || rows().length === 0) return;
  if (event.key === "Enter" && event.target.matches(".flag")) click(event.target, "[data-open]");
  else if (Object.hasOwn(COMMANDS, event.key)) COMMANDS[event.key]();
  else return;
  event.preventDefault();
});

document.addEventListener("focusin", (event) => {
  const focused = event.target.closest(".flag");
  if (focused) current = focused.id;
});

document.addEventListener("htmx:after:swap", (event) => {
  const id = event.detail.ctx?.target?.id ?? "";
  // The button that was pressed is gone with what was swapped; the keyboard goes on from there.
  if (id === "versions" || id === "policies") document.getElementById(id)?.focus({ preventScroll: true });
  // A row was added, moved or removed, or a field was refused: the keyboard goes on there.
  if (id === "edit-form") document.querySelector("#edit-form [autofocus]")?.focus();
  const swapped = id.startsWith("flag-") ? document.getElementById(id) : null;
  if (!swapped) return;
  const all = rows();
  const next = all.slice(all.indexOf(swapped) + 1).find((other) => !DECIDED.has(other.dataset.status));
  focusRow(DECIDED.has(swapped.dataset.status) ? (next ?? swapped) : swapped);
});
