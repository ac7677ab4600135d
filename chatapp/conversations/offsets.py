"""Carries places in one text over to another that was made of it: with citations added, words masked or put back."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

_TOKENS = re.compile(r"\w+|\W")
Span = tuple[int, int]


def carry(spans: Iterable[Span], *, before: str, after: str) -> list[Span]:
    """The spans of `before` as spans of `after`. What was replaced grows to the whole of what stands there now."""
    spans = list(spans)
    if before == after or not spans:
        return spans
    blocks = _blocks(before, after)
    return [(_start(start, blocks), _end(end, blocks)) for start, end in spans]


def _blocks(before: str, after: str) -> list[tuple[int, int, int, int, bool]]:
    """[first, last) of `before` is [first, last) of `after`; the last field says whether it is the same text."""
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    starts_old, starts_new = _starts(old), _starts(new)
    return [
        (starts_old[i1], starts_old[i2], starts_new[j1], starts_new[j2], tag == "equal")
        for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new).get_opcodes()
    ]


def _starts(tokens: list[str]) -> list[int]:
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token))
    return starts


def _start(at: int, blocks: list[tuple[int, int, int, int, bool]]) -> int:
    for first, last, to, _, same in blocks:
        if first <= at < last:
            return to + at - first if same else to
    return blocks[-1][3] if blocks else 0


def _end(at: int, blocks: list[tuple[int, int, int, int, bool]]) -> int:
    for first, last, to, to_last, same in blocks:
        if first < at <= last:
            return to + at - first if same else to_last
    return 0
