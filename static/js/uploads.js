// Sends chosen and dropped files, folders too, a few at a time; says of each what became of it.
import { announce } from "./announce.js";
import { loadAgain } from "./leave.js";
import { parseHtml } from "./trusted.js";

const AT_ONCE = 3;
const REFRESH_MS = 1500;
const SUM_MS = 100;
// Rows of files that were taken are folded away beyond this, so that a folder of thousands stays quick.
const ROWS = 200;
const HIDDEN = /(^|\/)(\.|~\$|__MACOSX\/|Thumbs\.db$)/;
const WORDS = { waiting: "Waiting", sending: "Sending", taken: "Taken", refused: "Not taken", stopped: "Not sent" };

/** @typedef {{file: File, path: string, state: string, sent: number, message: string, again: boolean, row?: HTMLElement}} Upload */

/** One form with its list. */
class Uploads {
  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.form = form;
    this.box = /** @type {HTMLElement} */ (document.querySelector(`[data-uploads="${CSS.escape(form.dataset.list)}"]`));
    this.bar = this.box.querySelector("progress");
    /** @type {Upload[]} */
    this.all = [];
    /** @type {Set<XMLHttpRequest>} */
    this.running = new Set();
    this.box.querySelector("[data-uploads-stop]").addEventListener("click", () => this.stop());
    this.box.querySelector("[data-uploads-again]").addEventListener("click", () => this.again());
    this.box.querySelector("[data-uploads-close]").addEventListener("click", () => this.close());
  }

  get isBusy() {
    return this.all.some((upload) => upload.state === "waiting" || upload.state === "sending");
  }

  /** @param {{file: File, path: string}[]} found */
  add(found) {
    const seen = found.filter(({ path }) => !HIDDEN.test(path));
    const most = Number(this.form.dataset.maxFiles);
    for (const [index, { file, path }] of seen.entries()) {
      const upload = { file, path, state: "waiting", sent: 0, message: "", again: false };
      const message = index >= most ? `A collection holds ${most} documents at most.` : this.refusal(file);
      if (message) Object.assign(upload, { state: "refused", message });
      this.all.push(upload);
      this.show(upload);
    }
    this.box.hidden = this.all.length === 0;
    this.next();
  }

  /** What can be told before anything is sent. @param {File} file */
  refusal(file) {
    const { maxBytes, maxSize } = this.form.dataset;
    if (file.size > Number(maxBytes)) return `The file is larger than the limit of ${maxSize}.`;
    const suffix = /\.[a-z0-9]{1,8}$/.exec(file.name.toLowerCase())?.[0];
    const accepted = this.form.querySelector("input[accept]")?.accept.split(",") ?? [];
    return suffix && !accepted.includes(suffix) ? "Files of this kind cannot be read." : "";
  }

  next() {
    while (this.running.size < AT_ONCE) {
      const upload = this.all.find((one) => one.state === "waiting");
      if (!upload) break;
      this.send(upload);
    }
    this.sum();
  }

  /** @param {Upload} upload */
  send(upload) {
    const [request, body] = [new XMLHttpRequest(), new FormData()];
    body.append("file", upload.file, upload.file.name);
    body.append("path", upload.path);
    request.open("POST", this.form.dataset.filesUrl);
    request.setRequestHeader("X-CSRFToken", this.form.elements.csrfmiddlewaretoken.value);
    // Errors come as fragments, with a sentence.
    request.setRequestHeader("HX-Request", "true");
    request.upload.onprogress = (event) => this.show(Object.assign(upload, { sent: event.loaded / event.total }));
    request.onloadend = () => {
      this.running.delete(request);
      Object.assign(upload, upload.state === "stopped" ? {} : outcome(request));
      this.show(upload);
      this.refresh();
      this.next();
    };
    Object.assign(upload, { state: "sending", sent: 0, message: "", again: false });
    this.running.add(request);
    request.send(body);
    this.show(upload);
  }

  stop() {
    for (const upload of this.all) {
      if (upload.state !== "waiting" && upload.state !== "sending") continue;
      Object.assign(upload, { state: "stopped", again: true });
      this.show(upload);
    }
    for (const request of this.running) request.abort();
    this.sum();
  }

  again() {
    for (const upload of this.all) if (upload.again) this.show(Object.assign(upload, { state: "waiting" }));
    this.next();
  }

  close() {
    this.all = [];
    this.box.querySelector("ul").replaceChildren();
    this.box.hidden = true;
    this.form.querySelector("input").focus();
  }

  /** @param {Upload} upload */
  show(upload) {
    upload.row ??= this.row(upload);
    if (!upload.row) return;
    const [state, button] = [upload.row.querySelector(".uploads-state"), upload.row.querySelector("button")];
    const percent = upload.state === "sending" ? ` ${Math.round(upload.sent * 100)} %` : "";
    state.textContent = upload.message || `${WORDS[upload.state]}${percent}`;
    upload.row.dataset.state = upload.state;
    button.hidden = !upload.again;
    this.sum();
  }

  /** @param {Upload} upload @returns {HTMLElement | undefined} */
  row(upload) {
    const list = this.box.querySelector("ul");
    if (list.childElementCount >= ROWS && upload.state !== "refused" && upload.state !== "stopped") return undefined;
    const row = this.box.querySelector("template").content.firstElementChild.cloneNode(true);
    row.querySelector(".uploads-name").textContent = upload.path;
    const button = row.querySelector("button");
    button.setAttribute("aria-label", `Send ${upload.path} again`);
    button.addEventListener("click", () => {
      this.show(Object.assign(upload, { state: "waiting", again: false }));
      this.next();
    });
    list.append(row);
    return row;
  }

  /** Soon, and not once for each of thousands. */
  sum() {
    this.summing ??= setTimeout(() => {
      this.summing = undefined;
      this.sumUp();
    }, SUM_MS);
  }

  sumUp() {
    const count = (...states) => this.all.filter((upload) => states.includes(upload.state)).length;
    const [taken, bad, left] = [count("taken"), count("refused", "stopped"), count("waiting", "sending")];
    const said = left
      ? `Sending ${this.all.length} file${this.all.length === 1 ? "" : "s"}: ${taken} taken, ${left} to go`
      : `${taken} of ${this.all.length} file${this.all.length === 1 ? "" : "s"} taken`;
    const text = bad ? `${said}, ${bad} not taken.` : `${said}.`;
    // A screen reader hears the beginning and the end, not every step.
    const line = this.box.querySelector("[data-uploads-sum]");
    if (!left && this.all.length && line.textContent !== text) announce(text);
    line.textContent = text;
    this.bar.max = this.all.length || 1;
    this.bar.value = taken + bad + this.all.reduce((all, one) => all + (one.state === "sending" ? one.sent : 0), 0);
    this.bar.hidden = !left;
    this.box.querySelector("[data-uploads-stop]").hidden = !left;
    this.box.querySelector("[data-uploads-close]").hidden = left > 0;
    this.box.querySelector("[data-uploads-again]").hidden = left > 0 || !this.all.some((upload) => upload.again);
  }

  /** The list of documents, soon, and not once for each of a thousand files. */
  refresh() {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      window.htmx.trigger(document.getElementById(this.form.dataset.list), "refresh");
    }, this.isBusy ? REFRESH_MS : 0);
  }
}

/** @param {XMLHttpRequest} request @returns {Partial<Upload>} */
function outcome(request) {
  if (request.status === 200 && request.getResponseHeader("Content-Type")?.startsWith("application/json")) {
    const [refusal] = JSON.parse(request.responseText).refused;
    return refusal ? { state: "refused", message: refusal.message, again: true } : { state: "taken", message: "" };
  }
  // The session is over: the sign-in page came instead.
  if (request.status === 200) loadAgain();
  const said = request.status ? parseHtml(request.responseText).querySelector("[data-testid=error] p")?.textContent : "";
  const plain = request.status === 413 ? "The file is too large." : "The server did not take it. Try again in a moment.";
  return { state: "refused", message: said || plain, again: true };
}

/** @type {WeakMap<HTMLFormElement, Uploads>} */
const known = new WeakMap();
/** @type {Set<Uploads>} */
const active = new Set();

/** @param {HTMLFormElement} form @param {{file: File, path: string}[]} found */
export function upload(form, found) {
  const uploads = known.get(form) ?? new Uploads(form);
  known.set(form, uploads);
  active.add(uploads);
  uploads.add(found);
}

addEventListener("beforeunload", (event) => {
  if ([...active].some((uploads) => uploads.isBusy)) event.preventDefault();
});
