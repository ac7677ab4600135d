// Two answers by keyboard: 1 to 4 vote, s skips. How long somebody looked goes with the vote.

import { click, onKeys } from "./rows.js";

let shown = performance.now();

/** @param {string} key */
function press(key) {
  click(document.getElementById("ballot"), `[data-key="${key}"]`);
}

onKeys("#ballot", Object.fromEntries(["1", "2", "3", "4", "s"].map((key) => [key, () => press(key)])));

document.addEventListener(
  "click",
  (event) => {
    const form = event.target.closest("button[name=vote]")?.form;
    if (form) form.elements.milliseconds.value = String(Math.round(performance.now() - shown));
  },
  true,
);

document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx?.target?.id !== "ballot") return;
  shown = performance.now();
  document.getElementById("compare-error").textContent = "";
  document.getElementById("ballot-title").focus();
  window.scrollTo({ top: 0 });
});
