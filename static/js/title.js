// The list knows the title of the conversation on the page first: after the first question, a rename, a model's title.

const bar = /** @type {HTMLElement} */ (document.querySelector(".topbar-title"));
const heading = /** @type {HTMLElement} */ (document.querySelector("h1"));

document.addEventListener("htmx:after:swap", () => {
  const title = document.querySelector("#conversations [aria-current=page]")?.textContent;
  if (!title || title === bar.textContent) return;
  bar.textContent = title;
  heading.textContent = title;
  document.title = `${title} · Chatapp`;
});
