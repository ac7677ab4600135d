// The page's websocket: one connection, opened when it is needed, found again when it is lost.

const FIRST_DELAY = 500;
const LONGEST_DELAY = 15_000;
const SIGNED_OUT = 4401;
const FINAL_CODES = new Set([4400, SIGNED_OUT]);

/**
 * @typedef {object} Handlers
 * @property {() => void} opened
 * @property {() => void} lost
 * @property {(frame: any) => void} received
 * @property {() => void} signedOut
 */

export class Socket {
  /** @type {WebSocket | null} */ #socket = null;
  #failures = 0;
  /** @type {number | undefined} */ #timer;

  /** @param {string} path @param {Handlers} handlers */
  constructor(path, handlers) {
    this.url = new URL(path, location.href.replace(/^http/, "ws")).href;
    this.handlers = handlers;
    addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#retryNow());
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    if (this.#socket || this.#timer) return;
    this.#socket = new WebSocket(this.url);
    this.#socket.onopen = () => {
      this.#failures = 0;
      this.handlers.opened();
    };
    this.#socket.onmessage = (event) => this.handlers.received(JSON.parse(event.data));
    this.#socket.onclose = (event) => this.#closed(event.code);
  }

  /** @param {object} frame @returns {boolean} whether it could be sent */
  send(frame) {
    if (!this.isOpen) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** @param {number} code */
  #closed(code) {
    this.#socket = null;
    this.handlers.lost();
    if (code === SIGNED_OUT) this.handlers.signedOut();
    if (FINAL_CODES.has(code)) return;
    const ceiling = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#failures++);
    // Full jitter: after a restart of the server its pages do not all come back at once.
    this.#timer = setTimeout(() => this.#retryNow(), ceiling * (0.3 + 0.7 * Math.random()));
  }

  #retryNow() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.connect();
  }
}
