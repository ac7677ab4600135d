// A citation in the text shows its source in a card while it is pointed at or has the focus, and opens it beside the
// answer when it is followed; without this script it is a link to it.
import { announce } from "./announce.js";
import { SourceCard } from "./source-card.js";
import { parseHtml } from "./trusted.js";

const CITATION = "a.citation";
const SHOW_AFTER = 150;
const HIDE_AFTER = 250; // Time to move into the card.
const card = new SourceCard();
/** @type {WeakMap<Element, Promise<void>>} */ const loading = new WeakMap();
/** @type {HTMLAnchorElement | null} */ let wanted = null;
/** @type {HTMLAnchorElement | null} */ let dismissed = null; // Not again before it was left.
/** @type {number | undefined} */ let timer;

/** @param {EventTarget | null} target @returns {HTMLAnchorElement | null} */
const citationAt = (target) => (target instanceof Element ? target.closest(CITATION) : null);

/** The panel of a citation's source; those of a running answer are fetched. @param {HTMLAnchorElement} link */
async function panelOf(link) {
  const find = () => document.getElementById(link.hash.slice(1));
  const answer = link.closest(".answer");
  if (!find() && answer) {
    if (!loading.has(answer)) loading.set(answer, load(/** @type {HTMLElement} */ (answer)));
    await loading.get(answer);
  }
  return find();
}

/** @param {HTMLElement} answer */
async function load(answer) {
  const response = await fetch(`${answer.dataset.messageUrl}sources/`).catch(() => null);
  if (response?.ok && !response.redirected) answer.append(parseHtml(await response.text()));
  else loading.delete(answer);
}

/** @param {HTMLAnchorElement} link @param {boolean} aloud */
async function show(link, aloud) {
  const panel = await panelOf(link);
  if (wanted !== link || !link.isConnected || !panel || panel.matches(":popover-open")) return;
  card.show(link, panel);
  if (aloud) announce(card.text);
}

/** @param {HTMLAnchorElement} link */
function want(link, aloud = false) {
  if (link === dismissed) return;
  wanted = link;
  clearTimeout(timer);
  timer = setTimeout(() => show(link, aloud), aloud ? 0 : SHOW_AFTER);
}

/** @param {number} delay */
function leave(delay) {
  wanted = dismissed = null;
  clearTimeout(timer);
  timer = setTimeout(() => card.hide(), delay);
}

/** @param {HTMLAnchorElement | null} link */
function dismiss(link) {
  leave(0);
  card.hide();
  dismissed = link;
}

document.addEventListener("pointerover", (event) => {
  if (event.pointerType !== "mouse") return; // A touch opens the panel.
  const link = citationAt(event.target);
  if (!link) dismissed = null;
  if (link) want(link);
  else if (card.contains(event.target)) clearTimeout(timer);
  else if (card.link && document.activeElement !== card.link) leave(HIDE_AFTER);
  else if (wanted && document.activeElement !== wanted) leave(HIDE_AFTER);
});

document.addEventListener("focusin", (event) => {
  const link = citationAt(event.target);
  const isBack = event.relatedTarget instanceof Element && event.relatedTarget.closest(".source-panel"); // Just closed.
  if (link?.matches(":focus-visible") && !isBack) want(link, true);
});

document.addEventListener("focusout", (event) => {
  if (citationAt(event.target)) leave(0);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && card.link) dismiss(card.link);
});

document.addEventListener("scroll", () => card.link && card.place(), { passive: true, capture: true });

document.addEventListener("click", async (event) => {
  const link = citationAt(event.target);
  if (!link) return;
  event.preventDefault();
  dismiss(link);
  const panel = await panelOf(link);
  if (!panel?.isConnected) return announce("The sources cannot be shown yet.");
  panel.closest("details")?.setAttribute("open", "");
  panel.showPopover({ source: link });
});
