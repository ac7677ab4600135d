// hx-confirm asks in the page's own dialog; the label of the button comes from data-confirm-label.

const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("confirm"));

/** @param {string} question @param {string} label @returns {Promise<boolean>} */
export function ask(question, label) {
  dialog.querySelector("p").textContent = question;
  dialog.querySelector("[value=confirm]").textContent = label;
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "confirm"), { once: true });
  });
}

document.addEventListener("htmx:confirm", async (event) => {
  const { ctx, issueRequest, dropRequest } = event.detail;
  if (!ctx.confirm || !dialog) return;
  event.preventDefault();
  const confirmed = await ask(ctx.confirm, ctx.sourceElement.dataset.confirmLabel ?? "Confirm");
  if (confirmed) issueRequest();
  else dropRequest();
});
