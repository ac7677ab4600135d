// Keeps the end of the answer in view, but only for a reader who is there already.

const NEAR = 96;
const jump = document.getElementById("jump");
let following = true;
let lastTop = 0;

const scroller = () => document.scrollingElement;
const isEmpty = () => !document.querySelector(".turn"); // A new chat is read from its top.
const distance = () => scroller().scrollHeight - scroller().scrollTop - innerHeight;

function toEnd() {
  scroller().scrollTop = scroller().scrollHeight;
}

function update() {
  const top = scroller().scrollTop;
  if (distance() < NEAR) following = true;
  else if (top < lastTop) following = false; // Only a way up ends it: what grew meanwhile is no scrolling of the reader's.
  lastTop = top;
  jump.hidden = following || isEmpty();
}

/** From now on the end is kept in view, until the reader scrolls up. */
export function follow() {
  following = true;
  toEnd();
  jump.hidden = true;
}

addEventListener("scroll", update, { passive: true });
jump.addEventListener("click", follow);

const main = document.getElementById("content");
new ResizeObserver(() => {
  if (isEmpty()) return;
  if (following) toEnd();
  else jump.hidden = distance() < NEAR;
}).observe(main);

if (!location.hash && !isEmpty()) toEnd();
