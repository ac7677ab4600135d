// Short messages at the bottom: what could not be done in place, and what was done out of sight.

/** @param {string} text */
export function toast(text) {
  const note = document.createElement("p");
  note.className = "toast";
  note.textContent = text;
  document.getElementById("toasts")?.append(note);
  setTimeout(() => note.remove(), 6000);
}

// What the server says by the header HX-Trigger.
document.addEventListener("toast", (event) => toast(event.detail.text));

document.addEventListener("htmx:error", () => {
  toast("The server could not be reached. Check your connection and try again.");
});
