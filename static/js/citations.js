// A citation in the text opens its source beside the answer; without this script it is a link to it.

document.addEventListener("click", (event) => {
  const link = /** @type {HTMLAnchorElement | null} */ (event.target.closest("a.citation"));
  if (!link) return;
  event.preventDefault();
  const panel = document.getElementById(link.hash.slice(1));
  if (!panel) return; // The answer still runs; its sources come with its end.
  panel.closest("details")?.setAttribute("open", "");
  panel.showPopover({ source: link });
});
