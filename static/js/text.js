// The text of one running answer. Frames become the smallest change of the DOM: what stays equal is not touched, so
// that selections and the place in a scrolled code block or table survive.
import { parseHtml } from "./trusted.js";

/**
 * `keep` and `settled` count UTF-16 code units of the tail, which is the HTML that may still change.
 * @typedef {{seq: number, keep: number, html: string, settled?: number, reset?: boolean}} TextFrame
 * @typedef {{html: string, kept?: number}} FinalFrame
 */

export class LiveText {
  #tail = "";
  #length = 0; // Of the settled HTML.
  #nodes = 0; // The container's first child nodes, made of the settled HTML.

  /** @param {Element} container its child nodes are the answer's blocks */
  constructor(container) {
    this.container = container;
  }

  /** @param {TextFrame} frame @returns {boolean} whether it fits what is shown; if not, subscribe again */
  apply(frame) {
    if (frame.reset) this.#tail = "";
    if (frame.keep > this.#tail.length) return false;
    if (frame.reset) this.#length = this.#nodes = 0;
    const html = this.#tail.slice(0, frame.keep) + frame.html;
    const settled = frame.settled ?? 0;
    const fresh = parseHtml(html.slice(0, settled));
    const nodes = this.#nodes + fresh.childNodes.length;
    this.#tail = html.slice(settled);
    fresh.append(parseHtml(this.#tail));
    morphChildren(this.container, fresh, this.#nodes);
    this.#nodes = nodes;
    this.#length += settled;
    return true;
  }

  /** Whether all of the text is here that the final frame leaves out. If not, subscribe again. @param {FinalFrame} frame */
  holds(frame) {
    return frame.kept === undefined || frame.kept === this.#length + this.#tail.length;
  }
}

/**
 * Moves into the final article what the page shows already: the body, which is changed only where the article has one of
 * its own that differs; and the buttons, which a live answer keeps in a template.
 * @param {Element} fresh @param {Element} old @param {FinalFrame} frame
 */
export function adoptBody(fresh, old, frame) {
  const buttons = /** @type {HTMLTemplateElement | null} */ (old.querySelector("template[data-buttons]"));
  if (buttons) fresh.querySelector("template[data-buttons]")?.replaceWith(buttons.content);
  const body = fresh.querySelector("[data-body]");
  const shown = old.querySelector("[data-body]");
  if (!body || !shown) return;
  if (frame.kept === undefined) morphChildren(shown, body);
  body.replaceWith(shown);
}

/** @param {Node} parent @param {Node} fresh @param {number} from the child of `parent` to begin with */
function morphChildren(parent, fresh, from = 0) {
  let old = parent.childNodes[from] ?? null;
  for (const node of [...fresh.childNodes]) {
    const next = old?.nextSibling ?? null;
    if (old) morph(old, node);
    else parent.appendChild(node);
    old = next;
  }
  while (old) {
    const next = old.nextSibling;
    if (old.nodeName !== "BUTTON") parent.removeChild(old); // A button is the page's own: it copies the code.
    old = next;
  }
}

/** @param {ChildNode} old @param {Node} fresh */
function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old instanceof Text && fresh instanceof Text) {
    if (fresh.data.startsWith(old.data)) old.appendData(fresh.data.slice(old.length));
    else old.data = fresh.data;
  } else if (old.cloneNode(false).isEqualNode(fresh.cloneNode(false))) morphChildren(old, fresh);
  else old.replaceWith(fresh);
}
