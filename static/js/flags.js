// The review queue by keyboard, and where the focus goes after a flag was opened, claimed or decided.

import { click, onKeys, rowsOf, say } from "./rows.js";

const flags = rowsOf("[data-keys]", ".flag");
const keys = /** @type {HTMLDialogElement} */ (document.getElementById("flag-keys"));

/** @param {string} key */
function press(key) {
  const [flag, button] = [flags.current(), `[data-key="${key}"]`];
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
  const box = /** @type {HTMLInputElement | null} */ (flags.current()?.querySelector("[data-choose]"));
  if (!box) return say("Move to a free flag first, with j.");
  box.click();
  say(box.checked ? "Chosen." : "Not chosen any more.");
}

function open() {
  const flag = flags.current();
  if (flag?.querySelector("[data-open][hx-get]")) click(flag, "[data-open]");
}

onKeys(".flag", {
  j: () => flags.move(1),
  k: () => flags.move(-1),
  c: () => press("c"),
  o: open,
  n: () => pressOnPage("n", ""),
  u: () => pressOnPage("u", "There is nothing to undo."),
  x: choose,
  a: () => press("a"),
  d: () => press("2"),
  "?": () => keys.showModal(),
  Enter: open,
  ...Object.fromEntries([1, 2, 3, 4, 5].map((number) => [String(number), () => press(String(number))])),
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

document.addEventListener("htmx:after:swap", (event) => {
  const id = event.detail.ctx?.target?.id ?? "";
  const swapped = id.startsWith("flag-") ? document.getElementById(id) : null;
  if (!swapped?.matches(".flag")) return;
  const all = flags.all();
  const next = all.slice(all.indexOf(swapped) + 1).find((other) => "free" in other.dataset);
  const isDone = !("free" in swapped.dataset) && swapped.dataset.status !== "mine";
  flags.focus(isDone ? (next ?? swapped) : swapped);
});

// A flag that was opened by itself, or a list that was loaded again after a decision: the keyboard goes on at once.
if (document.querySelector(".flag-opened, [data-testid=flag-undo]")) flags.focus(flags.all()[0]);
