"""What one follower of an answer has been sent, and the frame that brings it up to date.

A page of protocol 2 holds the HTML of the answer's unsettled tail as one string. A frame says how much of it stays
and what follows; both sides count UTF-16 code units, as JavaScript does. So only what is new is sent, whatever way
the HTML was made, and a follower that was slow gets one larger frame.
"""

from typing import Any, Protocol

from chatapp.conversations.streams.live_answer import LiveAnswer

Frame = dict[str, Any]


class Place(Protocol):
    def advance(self, answer: LiveAnswer) -> Frame | None:
        """The frame with all text that this follower lacks; None when it lacks none."""

    def shown(self, answer: LiveAnswer) -> str | None:
        """The HTML of all the text, if that is what the page shows and can keep."""


class TailPlace:
    """Protocol 2. `seq` is what the page shows already, from an earlier socket or from the server's own rendering."""

    def __init__(self, seq: int) -> None:
        self._shows = seq
        self._epoch = -1
        self._closed: list[str] = []
        self._settled = 0
        self._tail = ""

    def shown(self, answer: LiveAnswer) -> str | None:
        is_all = (self._epoch, self._shows) == (answer.epoch, answer.seq)
        return "".join(self._closed[: self._settled]) + self._tail if is_all else None

    def advance(self, answer: LiveAnswer) -> Frame | None:
        # A page that came back may show even more than this process has read yet. It is sent the whole when there is
        # something new, and never goes back.
        if not answer.text or (self._epoch == -1 and answer.seq <= self._shows):
            return None
        rendering = answer.render()
        reset = rendering.epoch != self._epoch
        if rendering.seq == self._shows and not reset:
            return None
        if reset:
            self._settled, self._tail = 0, ""
        settled = "".join(rendering.closed[self._settled :])
        html = settled + rendering.open_html
        kept = _common_prefix(self._tail, html)
        # Text beside text: what every frame repeats compresses best in one piece.
        frame: Frame = {"type": "text", "html": html[kept:], "keep": utf16_length(html[:kept]), "seq": rendering.seq}
        if settled:
            frame["settled"] = utf16_length(settled)
        if reset:
            frame["reset"] = True
        self._shows, self._epoch = rendering.seq, rendering.epoch
        self._closed, self._settled, self._tail = rendering.closed, len(rendering.closed), rendering.open_html
        return frame


class WholePlace:
    """Protocol 1, for pages from before protocol 2: the whole answer, and so only rarely."""

    def __init__(self) -> None:
        self._sent: tuple[int, int] | None = None

    def shown(self, _: LiveAnswer) -> str | None:
        return None

    def advance(self, answer: LiveAnswer) -> Frame | None:
        if not answer.text or self._sent == (answer.epoch, answer.seq):
            return None
        self._sent = answer.epoch, answer.seq
        rendering = answer.render()
        html = "".join(rendering.closed) + rendering.open_html
        return {"type": "snapshot", "seq": rendering.seq, "html": html, "open": ""}


def _common_prefix(old: str, new: str) -> int:
    """By halves rather than by characters: the comparison of slices is the machine's own."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def utf16_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
