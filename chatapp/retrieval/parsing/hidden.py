"""What a reader cannot see is left out of the text, and counted: hidden orders reach a model that way.

One notion of "same colour" and "too small" for all formats.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
# In points; smaller text is a line or a dust grain on any screen.
MIN_POINTS = 2.0
# Per channel, of 255. Grey on white that somebody could still read differs by far more.
_SAME = 10


@dataclass(slots=True)
class LeftOut:
    """Counts the words that were left out of one file."""

    words: int = field(default=0)

    def add(self, *texts: str) -> None:
        self.words += sum(len(text.split()) for text in texts)

    def notes(self) -> list[str]:
        if not self.words:
            return []
        subject = "1 word" if self.words == 1 else f"{self.words:,} words"
        return [f"{subject} that a reader cannot see {'was' if self.words == 1 else 'were'} left out."]


def is_same(text: Colour | None, ground: Colour | None) -> bool:
    """Whether text in this colour disappears; a colour that is not known (None) never does."""
    return text is not None and ground is not None and _distance(text, ground) <= _SAME


def from_hex(value: str | None) -> Colour | None:
    """`1F2A3B` as Office writes it; anything else ("auto", None) is not known."""
    if value is None or len(value) != 6:
        return None
    try:
        return (int(value[:2], 16), int(value[2:4], 16), int(value[4:], 16))
    except ValueError:
        return None


def _distance(one: Iterable[int], other: Iterable[int]) -> int:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
