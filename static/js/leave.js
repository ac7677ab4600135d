// While the page is left, nothing loads it again: when signing out the socket closes first, and a reload would end the way
// on to the company's sign-in service; of two ways through single sign-on the second would arrive without the first's session.

let leaving = false;

document.addEventListener("submit", (event) => {
  leaving ||= /** @type {HTMLElement} */ (event.target).matches("[data-sign-out]");
});

addEventListener("pageshow", () => (leaving = false));

/** Leads to the sign-in page when the session is over, or comes back from single sign-on. */
export function loadAgain() {
  if (leaving) return;
  leaving = true;
  location.assign(location.pathname + location.search);
}
