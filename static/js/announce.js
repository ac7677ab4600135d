// Tells those who do not look at the page: a screen reader by a polite region, a hidden tab by its title.

const region = document.getElementById("announcer");
let plainTitle = "";

/** @param {string} text */
export function announce(text) {
  if (region) region.textContent = text;
}

/** @param {string} text */
export function announceInTitle(text) {
  if (!document.hidden) return;
  plainTitle ||= document.title;
  document.title = `${text} · ${plainTitle}`;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden || !plainTitle) return;
  document.title = plainTitle;
  plainTitle = "";
});
