"""From token bytes to text that may be shown."""

import codecs
from collections.abc import Sequence


class AnswerText:
    """Turns the bytes of tokens into text: never half a character, never any part of a stop string.

    `stopped` is set once a stop string was found; what follows it is dropped.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self.stopped = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(stop)
        self._held = ""

    def push(self, data: bytes) -> str:
        """Return the text that has become safe to show with these bytes."""
        # PostgreSQL's text holds no NUL, and no answer needs one.
        self._held += self._decoder.decode(data).replace("\x00", "")
        if not self._stop:
            return self._release(len(self._held))
        # The stop string that is complete first wins, so that the borders of tokens change nothing.
        found = [(start + len(stop), start) for stop in self._stop if (start := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            text, self._held = self._held[: min(found)[1]], ""
            return text
        return self._release(self._length_without_partial_stop())

    def flush(self) -> str:
        """Return what was held back, at the end of an answer. Half a character is dropped."""
        return "" if self.stopped else self._release(len(self._held))

    def _release(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        return text

    def _length_without_partial_stop(self) -> int:
        longest = min(len(self._held), max(map(len, self._stop)) - 1)
        for length in range(longest, 0, -1):
            tail = self._held[-length:]
            if any(stop.startswith(tail) for stop in self._stop):
                return len(self._held) - length
        return len(self._held)
