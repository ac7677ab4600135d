// A swap that takes away what has the focus gives it to what came instead: the keyboard goes on from there.
import { isTouch } from "./touch.js";

const ROWS = ".turn, .conversation";
/** @type {{held: Element, row: Element, index: number} | null} */ let lost = null;

/** @param {Element} row */
const rowsLike = (row) => [...document.querySelectorAll(row.matches(".turn") ? ".turn" : ".conversation")];

/** What stands in the row's place now: the same one, or the one at its place. @param {Element} row @param {number} index */
function counterpart(row, index) {
  const rows = rowsLike(row);
  return document.getElementById(row.id) ?? rows[Math.min(index, rows.length - 1)] ?? null;
}

/** @param {Element | null} row @param {Element} held @returns {HTMLElement | null} */
function find(row, held) {
  const { testid } = /** @type {HTMLElement} */ (held).dataset;
  const choices = [`[data-testid="${testid}"]`, "[data-testid^=branch]", "[data-testid=edit]", ".conversation > a"];
  const found = choices.map((choice) => row?.querySelector(`${choice}:not([aria-disabled])`)).find(Boolean);
  return found ?? (isTouch || row?.matches(".conversation") ? null : document.getElementById("composer-text"));
}

document.addEventListener("htmx:before:swap", (event) => {
  const { activeElement } = document;
  // A menu that has closed leaves the focus nowhere.
  const held = activeElement === document.body ? event.detail.ctx.sourceElement : activeElement;
  const row = held?.closest(ROWS);
  lost = held && row ? { held, row, index: rowsLike(row).indexOf(row) } : null;
});

document.addEventListener("htmx:after:swap", () => {
  if (lost && !lost.held.isConnected && document.activeElement === document.body) {
    find(counterpart(lost.row, lost.index), lost.held)?.focus({ preventScroll: true });
  }
  lost = null;
});
