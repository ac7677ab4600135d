// Thumbs below an answer: where the focus goes after a press, and Escape closes the form with the reasons.

let pressed = "";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-rating] button, [data-rating] a");
  if (button) pressed = button.dataset.testid ?? "";
});

document.addEventListener("keydown", (event) => {
  const form = event.key === "Escape" ? event.target.closest(".rating-form") : null;
  form?.querySelector("[data-rating-close]").click();
});

document.addEventListener("htmx:after:swap", (event) => {
  const id = event.detail.ctx?.target?.id ?? "";
  const rating = id.startsWith("rating-") ? document.getElementById(id) : null;
  if (!rating?.matches("[data-rating]")) return;
  // What was pressed is gone with what was swapped; the keyboard goes on from there.
  const next = rating.querySelector(".rating-form input[type=checkbox]") ?? rating.querySelector(`[data-testid="${pressed}"]`);
  const target = /** @type {HTMLElement} */ (next ?? rating.querySelector("[data-testid=thumb-down]"));
  target.focus({ preventScroll: true });
  rating.querySelector(".rating-form")?.scrollIntoView({ block: "nearest" });
});
