// A small card beside a citation: what its panel says, in short. It holds text only, so it needs no HTML.

const GAP = 8;
const QUOTE = 240;

/** @param {Element} panel @param {string} selector */
const words = (panel, selector) => panel.querySelector(selector)?.textContent.trim() ?? "";

export class SourceCard {
  /** @type {HTMLAnchorElement | null} */ link = null;
  #card = document.createElement("div");
  #parts = ["source-card-title", "muted small", "source-card-quote", "source-weak small"].map((name) => {
    const part = document.createElement("p");
    part.className = name;
    return part;
  });

  constructor() {
    this.#card.className = "source-card";
    this.#card.popover = "manual";
    this.#card.dataset.testid = "source-card";
    this.#card.append(...this.#parts);
    document.getElementById("content").append(this.#card); // Within a landmark.
  }

  /** What a screen reader says of it. */
  get text() {
    return this.#parts.map((part) => part.textContent).filter(Boolean).join(". ");
  }

  /** @param {EventTarget | null} target */
  contains(target) {
    return target instanceof Node && this.#card.contains(target);
  }

  /** @param {HTMLAnchorElement} link @param {Element} panel */
  show(link, panel) {
    const quote = words(panel, "[data-quote]");
    const isWeak = link.classList.contains("citation-weak");
    const texts = [
      words(panel, "[data-title]"),
      words(panel, "[data-place]"),
      quote.length > QUOTE ? `${quote.slice(0, QUOTE)}…` : quote,
      isWeak ? "The passage does not bear out this sentence" : "",
    ];
    this.#parts.forEach((part, index) => {
      part.textContent = texts[index];
      part.hidden = !texts[index];
    });
    this.link = link;
    this.#card.showPopover();
    this.place();
  }

  /** Below the citation, or above where there is no room. */
  place() {
    if (!this.link.isConnected) return this.hide();
    const at = this.link.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.#card;
    const left = Math.max(GAP, Math.min(at.left, innerWidth - width - GAP));
    const below = at.bottom + GAP;
    const top = below + height > innerHeight ? Math.max(GAP, at.top - height - GAP) : below;
    this.#card.style.left = `${left}px`;
    this.#card.style.top = `${top}px`;
  }

  hide() {
    this.link = null;
    if (this.#card.matches(":popover-open")) this.#card.hidePopover();
  }
}
