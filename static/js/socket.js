// The page's websocket: one connection, found again when it is lost, and given up when nobody answers on it.

const FIRST_DELAY = 500;
const LONGEST_DELAY = 15_000;
const STABLE = 10_000; // A connection that lived so long has worked; one that is closed at once counts as a failure.
const RESTART_DELAY = 1_500;
const LOOK = 2_000;
// After so long without a frame, while some are due, the page asks whether anybody is there: sooner when it has just
// sent something, which the server answers at once.
const QUIET = 8_000;
const UNANSWERED = 3_000;
const PATIENCE = 8_000; // Nobody is, when the question stays unanswered for so long: a half-open connection.
const ABNORMAL = 1006;
const RESTART = 1012;
const SIGNED_OUT = 4401;
const TOO_MANY = 4429;

/**
 * @typedef {object} Handlers
 * @property {() => void} opened
 * @property {() => void} lost
 * @property {(frame: any) => void} received
 * @property {() => void} signedOut
 * @property {() => void} crowded there are too many sockets or frames of this user; it comes back when it is told to
 * @property {() => boolean} waiting whether frames are due
 */

/** What js/connect.js has opened, if it still lives; from now on it opens none. @returns {WebSocket | null} */
function takeEarly() {
  const early = /** @type {WebSocket | null | undefined} */ (window.earlySocket);
  window.earlySocket = null;
  return early && early.readyState <= WebSocket.OPEN ? early : null;
}

export class Socket {
  /** @type {WebSocket | null} */ #socket = null;
  #failures = 0;
  #openedAt = Infinity;
  #heardAt = 0;
  #sentAt = 0;
  #askedAt = 0;
  #notBefore = 0;
  /** @type {number | undefined} */ #timer;

  /** @param {string} path @param {Handlers} handlers */
  constructor(path, handlers) {
    this.url = new URL(path, location.href.replace(/^http/, "ws")).href;
    this.handlers = handlers;
    addEventListener("online", () => this.#comeBack());
    document.addEventListener("visibilitychange", () => document.hidden || this.#comeBack());
    setInterval(() => this.#look(), LOOK);
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    if (this.#socket || this.#timer) return;
    this.#askedAt = 0;
    this.#socket = takeEarly() ?? new WebSocket(this.url);
    this.#socket.onopen = () => this.#opened();
    this.#socket.onmessage = (event) => {
      this.#heardAt = Date.now();
      this.#askedAt = 0;
      this.handlers.received(JSON.parse(event.data));
    };
    this.#socket.onclose = (event) => this.#closed(event.code, event.reason);
    if (this.isOpen) this.#opened();
  }

  /** @param {object} frame @returns {boolean} whether it could be sent */
  send(frame) {
    if (!this.isOpen) return false;
    this.#sentAt = Date.now();
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #opened() {
    this.#openedAt = this.#heardAt = Date.now();
    this.handlers.opened();
  }

  #look() {
    if (!this.isOpen) return;
    const now = Date.now();
    if (this.#askedAt) {
      if (now - this.#askedAt >= PATIENCE) this.#abandon();
    } else if (!this.handlers.waiting()) {
      this.#heardAt = now;
    } else if (now - this.#heardAt >= QUIET || (this.#sentAt > this.#heardAt && now - this.#sentAt >= UNANSWERED)) {
      this.#ask();
    }
  }

  #ask() {
    if (this.send({ type: "ping" })) this.#askedAt = Date.now();
  }

  /** The closing handshake of a dead connection would take minutes. */
  #abandon() {
    this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket.close();
    this.#closed(ABNORMAL);
  }

  /** @param {number} code @param {string} [reason] */
  #closed(code, reason = "") {
    this.#socket = null;
    this.handlers.lost();
    if (code === SIGNED_OUT) {
      this.handlers.signedOut();
      return;
    }
    if (code === TOO_MANY) this.handlers.crowded();
    if (Date.now() - this.#openedAt > STABLE) this.#failures = 0;
    this.#openedAt = Infinity;
    const ceiling = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.#failures++);
    // With jitter: after a restart of the server its pages do not all come back at once.
    let delay = code === RESTART ? RESTART_DELAY * Math.random() : ceiling * (0.3 + 0.7 * Math.random());
    const told = /^retry after (\d+) s$/.exec(reason);
    if (told) delay += Number(told[1]) * 1000;
    this.#notBefore = told ? Date.now() + Number(told[1]) * 1000 : 0;
    this.#timer = setTimeout(() => this.#retryNow(), delay);
  }

  /** The network or the reader is back: the connection may have died unseen. */
  #comeBack() {
    if (this.isOpen) this.#ask();
    else if (Date.now() >= this.#notBefore) this.#retryNow();
  }

  #retryNow() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.connect();
  }
}
