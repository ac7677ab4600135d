"""Carries places in one text over to another that was made of it: with citations added, words masked or put back."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from chatapp.moderation.checks import Finding
from chatapp.moderation.checks.findings import excerpt_of

# After a difference the texts go on alike where so many characters agree; it is looked for within REACH of it.
ANCHOR, REACH = 16, 600
_STRIDE = 256
Span = tuple[int, int]
Block = tuple[int, int, int, int, bool]


def carry(spans: Iterable[Span], *, before: str, after: str) -> list[Span]:
    """The spans of `before` as spans of `after`, in linear time. One that was replaced becomes all that replaced it."""
    spans = list(spans)
    if before == after or not spans:
        return spans
    blocks = list(_blocks(before, after))
    return [(_start(start, blocks), _end(end, blocks)) for start, end in spans]


def carry_findings(findings: Iterable[Finding], *, before: str, after: str) -> tuple[Finding, ...]:
    """With their places, and the words round them, in the text that is kept of the one that was checked."""
    return tuple(findings) if before == after else tuple(_carry_finding(one, before, after) for one in findings)


def _carry_finding(finding: Finding, before: str, after: str) -> Finding:
    spans = tuple(carry(finding.spans, before=before, after=after))
    return replace(finding, spans=spans, excerpt=excerpt_of(after, spans))


def _blocks(before: str, after: str) -> Iterator[Block]:
    """[first, last) of `before` is [first, last) of `after`; the last field says whether it is the same text."""
    i = j = 0
    while i < len(before) or j < len(after):
        same = _agree(before, i, after, j)
        if same:
            yield i, i + same, j, j + same, True
        i, j = i + same, j + same
        left, right = _resume(before, i, after, j)
        if left or right:
            yield i, i + left, j, j + right, False
        i, j = i + left, j + right


def _agree(before: str, i: int, after: str, j: int) -> int:
    """How many characters from there on are the same."""
    count = 0
    while (piece := before[i + count : i + count + _STRIDE]) and piece == after[j + count : j + count + _STRIDE]:
        count += len(piece)
    rest = zip(before[i + count : i + count + _STRIDE], after[j + count : j + count + _STRIDE], strict=False)
    return count + next((n for n, (a, b) in enumerate(rest) if a != b), min(len(before) - i, len(after) - j) - count)


def _resume(before: str, i: int, after: str, j: int) -> tuple[int, int]:
    """How many characters of each differ from there on. All that is left, where they do not come together again."""
    for left in range(min(REACH, len(before) - i)):
        anchor = before[i + left : i + left + ANCHOR]
        at = after.find(anchor, j, j + REACH + ANCHOR)
        if at >= 0:
            return left, at - j
    return len(before) - i, len(after) - j


def _start(at: int, blocks: list[Block]) -> int:
    for first, last, to, _, same in blocks:
        if first <= at < last:
            return to + at - first if same else to
    return blocks[-1][3]


def _end(at: int, blocks: list[Block]) -> int:
    for first, last, to, to_last, same in blocks:
        if first < at <= last:
            return to + at - first if same else to_last
    return 0
