// While the page is left by signing out, nothing loads it again: the socket closes first, and a reload would end the way
// on to the company's sign-in service.

let leaving = false;

document.addEventListener("submit", (event) => {
  leaving ||= /** @type {HTMLElement} */ (event.target).matches("[data-sign-out]");
});

addEventListener("pageshow", () => (leaving = false));

/** Leads to the sign-in page when the session is over, or comes back from single sign-on. */
export function loadAgain() {
  if (!leaving) location.assign(location.pathname + location.search);
}
