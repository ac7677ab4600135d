/** A finger, not a mouse: the keyboard is on the screen, covers half of it, and has no Shift + Enter. */
export const isTouch = matchMedia("(pointer: coarse)").matches;
