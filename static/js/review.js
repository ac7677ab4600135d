// Report and appeal below an answer: where the focus goes once the form is sent or closed, and Escape closes it.

let opener = "";

document.addEventListener("click", (event) => {
  const link = /** @type {HTMLElement | null} */ (event.target.closest("[data-testid=report], [data-testid=appeal]"));
  if (link) opener = link.dataset.testid;
});

document.addEventListener("htmx:after:swap", (event) => {
  event.detail.ctx?.target?.querySelector?.(":scope > .review-form")?.scrollIntoView({ block: "nearest" });
});

document.addEventListener("keydown", (event) => {
  const form = event.key === "Escape" ? event.target.closest(".review-form") : null;
  form?.querySelector("[data-review-close]").click();
});

document.addEventListener("htmx:after:swap", (event) => {
  const id = event.detail.ctx?.target?.id ?? "";
  const answer = id.startsWith("message-") ? document.getElementById(id) : null;
  if (!answer || !opener) return;
  // The answer came anew; the keyboard goes on from what is said now, or from what opened the form.
  const next = answer.querySelector("[data-asked]") ?? answer.querySelector(`[data-testid="${opener}"]`);
  opener = "";
  /** @type {HTMLElement | null} */ (next)?.focus({ preventScroll: true });
});
