// The review queue by keyboard, and where the focus goes after a flag was opened, claimed or decided.

const rows = () => [...document.querySelectorAll("[data-keys] .flag")];
const keys = /** @type {HTMLDialogElement} */ (document.getElementById("flag-keys"));
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
  else if (key === "c") say("Move to a free flag first, with j.");
  else if (flag?.dataset.status === "mine") say("That does not make sense for this flag.");
  else say("Claim the flag first, with c.");
}

/** @param {string} key @param {string} otherwise */
function pressOnPage(key, otherwise) {
  const button = document.querySelector(`[data-key="${key}"]`);
  if (button) /** @type {HTMLElement} */ (button).click();
  else say(otherwise);
}

function choose() {
  const box = /** @type {HTMLInputElement | null} */ (row()?.querySelector("[data-choose]"));
  if (!box) return say("Move to a free flag first, with j.");
  box.click();
  say(box.checked ? "Chosen." : "Not chosen any more.");
}

function open() {
  const flag = row();
  if (flag?.querySelector("[data-open][hx-get]")) click(flag, "[data-open]");
}

const COMMANDS = {
  j: () => move(1),
  k: () => move(-1),
  c: () => press("c"),
  o: open,
  n: () => pressOnPage("n", ""),
  u: () => pressOnPage("u", "There is nothing to undo."),
  x: choose,
  a: () => press("a"),
  d: () => press("2"),
  "?": () => keys.showModal(),
  ...Object.fromEntries([1, 2, 3, 4, 5].map((number) => [String(number), () => press(String(number))])),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable], dialog[open]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" && event.target.matches(".flag")) open();
  else if (Object.hasOwn(COMMANDS, event.key)) COMMANDS[event.key]();
  else return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-show-keys]")) keys.showModal();
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-choose]")) return;
  const [chosen, form] = [document.querySelectorAll("[data-choose]:checked").length, document.querySelector("[data-chosen]")];
  form.querySelector("[data-chosen-count]").textContent = chosen ? ` (${chosen})` : "";
  form.open = chosen > 0;
});

document.addEventListener("focusin", (event) => {
  const focused = event.target.closest(".flag");
  if (focused) current = focused.id;
});

document.addEventListener("htmx:after:swap", (event) => {
  const id = event.detail.ctx?.target?.id ?? "";
  const swapped = id.startsWith("flag-") ? document.getElementById(id) : null;
  if (!swapped?.matches(".flag")) return;
  const all = rows();
  const next = all.slice(all.indexOf(swapped) + 1).find((other) => "free" in other.dataset);
  const isDone = !("free" in swapped.dataset) && swapped.dataset.status !== "mine";
  focusRow(isDone ? (next ?? swapped) : swapped);
});

// A flag that was opened by itself, or a list that was loaded again after a decision: the keyboard goes on at once.
if (document.querySelector(".flag-opened, [data-testid=flag-undo]")) focusRow(rows()[0]);
