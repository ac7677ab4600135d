// Where the focus goes on console pages after something was swapped.
import "./polling.js";

document.addEventListener("htmx:after:swap", (event) => {
  const id = event.detail.ctx?.target?.id ?? "";
  // The button that was pressed is gone with what was swapped; the keyboard goes on from there.
  if (id === "versions" || id === "policies") document.getElementById(id)?.focus({ preventScroll: true });
  // A row was added, moved or removed, or a field was refused: the keyboard goes on there.
  if (id === "edit-form") document.querySelector("#edit-form [autofocus]")?.focus();
});
