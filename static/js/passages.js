// Editing passages in place: what replaces one gets the focus, and what was done is said.
import { announce } from "./announce.js";
import { toast } from "./toast.js";

document.addEventListener("htmx:after:swap", (event) => {
  const id = event.detail.ctx?.target?.id ?? "";
  if (!/^passage-\d+$/.test(id)) return;
  const passage = document.getElementById(id);
  const field = passage?.querySelector("[autofocus]");
  (field ?? passage)?.focus({ preventScroll: !field });
  const said = passage?.dataset.said;
  if (!said) return;
  announce(said);
  toast(said);
});
