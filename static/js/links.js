// A link in an answer or a document was written by a model or a stranger, and its address can carry what was read to
// another host. It opens after a look at where it leads.
import { ask } from "./confirm.js";

const LONGEST = 300;

/** @param {Event} event */
async function check(event) {
  const link = /** @type {HTMLAnchorElement | null} */ (event.target.closest?.("a[target=_blank][href]"));
  if (!link || link.origin === location.origin) return;
  event.preventDefault();
  const shown = link.href.length > LONGEST ? `${link.href.slice(0, LONGEST)}…` : link.href;
  const question = `This link leads to ${link.host || link.protocol}, with all that its address says: ${shown}`;
  if (await ask(question, "Open the link")) window.open(link.href, "_blank", "noopener,noreferrer");
}

document.addEventListener("click", check);
// The middle button of a mouse.
document.addEventListener("auxclick", (event) => {
  if (event.button === 1) check(event);
});
