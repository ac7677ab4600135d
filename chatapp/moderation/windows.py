"""Cuts text that arrives in pieces into windows of about a sentence, the same windows however it is cut."""

import re
from dataclasses import dataclass

# A shorter one goes on to the next end: "Yes. " alone tells a classifier nothing.
SHORTEST = 20
LONGEST = 400
# White space after the mark that ends a sentence, or a line's end. "Dr. ", "b. " and "3. " end none.
_CLOSING = r"[\"'\u201d\u2019\u00bb)\]]"
_END = re.compile(rf"(?:[^\W_]{{3}}\.|{_CLOSING}\.|[!?\u2026]){_CLOSING}{{0,3}}\s|[\u3002\uff01\uff1f]|\n")


@dataclass(frozen=True, slots=True)
class Window:
    """`start` is its offset in the whole text."""

    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class Windows:
    """Windows follow one another without a gap. None is longer than `longest`, nor than LONGEST characters."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = max(1, min(longest, LONGEST))
        self._shortest = min(SHORTEST, self._longest)
        self._start = 0
        self._text = ""

    def feed(self, text: str) -> list[Window]:
        """Those that are whole now: no further text changes them."""
        self._text += text
        windows = []
        while (length := self._length()) is not None:
            windows.append(self._take(length))
        return windows

    def finish(self) -> list[Window]:
        return [self._take(len(self._text))] if self._text else []

    def _length(self) -> int | None:
        """How much of the text makes a window; only the first `longest` characters have a say."""
        head = self._text[: self._longest]
        ends = (found.end() for found in _END.finditer(head) if found.end() >= self._shortest)
        if (end := next(ends, None)) is not None:
            return end
        if len(head) < self._longest:
            return None
        space = max(head.rfind(" "), head.rfind("\t")) + 1
        return space if space > self._longest // 2 else self._longest

    def _take(self, length: int) -> Window:
        window = Window(self._start, self._text[:length])
        self._text = self._text[length:]
        self._start = window.end
        return window


def cut_windows(text: str, longest: int = LONGEST) -> list[Window]:
    windows = Windows(longest)
    return windows.feed(text) + windows.finish()
