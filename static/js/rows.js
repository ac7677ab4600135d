// The rows of a console list by keyboard: which one is meant, and the way to the others.

/** @param {string} text */
export function say(text) {
  const status = document.getElementById("console-status");
  if (status) status.textContent = text;
}

/**
 * @param {string} list selects what holds the rows
 * @param {string} kind selects a row
 */
export function rowsOf(list, kind) {
  let last = "";
  const all = () => [...document.querySelectorAll(`${list} ${kind}`)];
  const current = () => document.activeElement?.closest(kind) ?? document.getElementById(last);

  /** @param {Element | undefined} row */
  function focus(row) {
    if (!row) return;
    last = row.id;
    row.focus();
    row.scrollIntoView({ block: "nearest" });
  }

  /** @param {1 | -1} step */
  function move(step) {
    const rows = all();
    const at = rows.indexOf(current());
    focus(rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))]);
  }

  document.addEventListener("focusin", (event) => {
    last = event.target.closest(kind)?.id ?? last;
  });
  return { all, current, focus, move };
}

/**
 * A fast key can come before htmx bound the page, or a row just opened; unbound, a click leaves the page.
 * @param {Element | null} row
 * @param {string} selector
 */
export function click(row, selector) {
  window.htmx.process(row);
  row?.querySelector(selector)?.click();
}

/**
 * Runs the command of a key, but not while somebody types; Enter only on a row itself.
 * @param {string} kind selects a row
 * @param {Record<string, () => void>} commands
 */
export function onKeys(kind, commands) {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable], dialog[open]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(commands, event.key)) return;
    if (event.key === "Enter" && !event.target.matches(kind)) return;
    commands[event.key]();
    event.preventDefault();
  });
}
