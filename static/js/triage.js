// Feedback by keyboard, and where the focus goes after something was done with it.

import { click, onKeys, rowsOf, say } from "./rows.js";

const feedback = rowsOf("[data-triage]", ".feedback");

function acknowledge() {
  const shown = feedback.current() ?? (feedback.all().length === 1 ? feedback.all()[0] : null);
  if (shown?.querySelector('[data-key="a"]')) click(shown, '[data-key="a"]');
  else say("Move to new feedback first, with j.");
}

onKeys(".feedback", {
  j: () => feedback.move(1),
  k: () => feedback.move(-1),
  a: acknowledge,
  Enter: () => feedback.current()?.querySelector("[data-open]")?.click(),
});

document.addEventListener("htmx:after:swap", (event) => {
  const id = event.detail.ctx?.target?.id ?? "";
  const swapped = id.startsWith("feedback-") ? document.getElementById(id) : null;
  if (!swapped) return;
  const all = feedback.all();
  const next = all.slice(all.indexOf(swapped) + 1).find((other) => other.dataset.status === "new");
  feedback.focus(swapped.dataset.status === "new" ? swapped : (next ?? swapped));
});
