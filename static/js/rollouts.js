// Rollouts by keyboard, on the list and on the page of one, and where the focus goes after something was done.

import { click, onKeys, rowsOf, say } from "./rows.js";

const rollouts = rowsOf("[data-rollouts]", ".rollout");
const one = document.getElementById("rollout");

/** @param {...string} moves the first that makes sense now */
function press(...moves) {
  const shown = document.getElementById("rollout") ?? rollouts.current();
  if (!shown) return say("Move to a rollout first, with j.");
  const found = moves.find((move) => shown.querySelector(`[data-key="${move}"]`));
  if (found) click(shown, `[data-key="${found}"]`);
  else say("That does not make sense for this rollout now.");
}

onKeys(one ? "#rollout" : ".rollout", {
  j: () => rollouts.move(1),
  k: () => rollouts.move(-1),
  a: () => press("advance"),
  h: () => press("hold", "resume"),
  b: () => press("roll_back", "end"),
  c: () => press("complete"),
  Enter: () => rollouts.current()?.querySelector("[data-open]")?.click(),
});

document.addEventListener("htmx:after:swap", (event) => {
  const { sourceElement, target } = event.detail.ctx ?? {};
  // After a button; a poll leaves the focus where it is.
  if (sourceElement?.matches("[data-poll]") || !target?.id?.startsWith("rollout-") && target?.id !== "rollout") return;
  document.getElementById(target.id)?.focus({ preventScroll: true });
});
