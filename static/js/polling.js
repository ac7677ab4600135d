// What renews itself ([data-poll]) rests while nobody can see it and says when the server does not answer.

const stale = document.getElementById("stale");
const isPoll = (event) => event.detail.ctx?.sourceElement?.matches("[data-poll]") ?? false;

document.addEventListener("htmx:before:request", (event) => {
  if (!isPoll(event)) return;
  if (document.hidden) event.preventDefault();
  // No sign that somebody sits before the page: it keeps no session alive.
  event.detail.ctx.request.headers["X-Poll"] = "1";
});

// What somebody opened or closed stays so when it is drawn anew.
window.htmx.registerExtension("keep-open", {
  htmx_before_morph_attr: (/** @type {Element} */ element, /** @type {any} */ detail) =>
    !(detail.attrName === "open" && element.matches("details")),
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("[data-poll]")) window.htmx.trigger(element, "refresh");
});

/** @param {boolean} failed */
function mark(failed) {
  if (stale) stale.hidden = !failed;
}

document.addEventListener("htmx:after:request", (event) => {
  if (isPoll(event)) mark(event.detail.ctx.response.status >= 400);
});

// In the capturing phase: one standing notice instead of a toast every few seconds.
document.addEventListener(
  "htmx:error",
  (event) => {
    if (!isPoll(event)) return;
    event.stopPropagation();
    mark(true);
  },
  { capture: true },
);
