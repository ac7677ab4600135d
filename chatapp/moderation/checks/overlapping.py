"""Pieces of a long text for what can only see a short one; no find is cut, and none is found twice."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """`text` begins at `offset` of the whole; what starts in [least, most) of the whole is this piece's to report."""

    text: str
    offset: int
    least: int
    most: int

    def has(self, start: int) -> bool:
        """`start` counts in the whole text."""
        return self.least <= start < self.most


def cut_overlapping(text: str, *, size: int, overlap: int) -> Iterator[Piece]:
    """Whatever is at most half of `overlap` long lies wholly in the piece that reports it, with as much before it."""
    step, half = size - overlap, overlap // 2
    offset = 0
    while offset + size < len(text):
        yield Piece(text[offset : offset + size], offset, offset + half if offset else 0, offset + step + half)
        offset += step
    yield Piece(text[offset:], offset, offset + half if offset else 0, len(text))
