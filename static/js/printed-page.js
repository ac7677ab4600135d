// The picture of a page: says that it is being drawn, and when that cannot be done.

const state = document.querySelector("[data-printed-state]");
const sheet = document.querySelector("[data-printed-sheet]");
const image = /** @type {HTMLImageElement} */ (sheet.querySelector("img"));

function show() {
  const isDrawn = image.naturalWidth > 0;
  sheet.toggleAttribute("data-waiting", !isDrawn);
  state.textContent = isDrawn ? "" : image.complete ? "This page cannot be drawn; its text is below." : "The page is being drawn…";
  if (isDrawn) sheet.querySelector("rect")?.scrollIntoView({ block: "center" });
}

image.addEventListener("load", show);
image.addEventListener("error", show);
show();
