"""A flag as a reviewer works on it, with the words that a check objects to marked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.moderation.checks.findings import EXCERPT_MARGIN
from chatapp.moderation.models import Flag, FlagStatus, Stage
from chatapp.moderation.selectors import DECIDED

MAX_MARKS = 200


@dataclass(frozen=True, slots=True)
class Segment:
    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class FlagRow:
    """`state` is open, mine, taken, upheld or dismissed; a claim that ran out is open again."""

    flag: Flag
    state: str
    excerpt: list[Segment]


@dataclass(frozen=True, slots=True)
class FlagDetail:
    """`original` is empty unless a policy took the answer away; sources hold number, document and page."""

    row: FlagRow
    question: list[Segment]
    answer: list[Segment]
    original: list[Segment]
    sources: list[dict[str, Any]]


def flag_row(flag: Flag, *, user: User) -> FlagRow:
    start, end = _match_in_excerpt(flag)
    return FlagRow(flag=flag, state=_state(flag, user), excerpt=list(_by_spans(flag.excerpt, [(start, end)])))


def flag_detail(flag: Flag, *, user: User) -> FlagDetail:
    exchange, stage = flag.exchange, flag.stage
    start, end = _match_in_excerpt(flag)
    match, spans = flag.excerpt[start:end], [(first, last) for first, last in flag.spans]

    def mark(text: str, *, checked: bool) -> list[Segment]:
        return list(_mark(text, spans, match)) if checked else [Segment(text, marked=False)]

    return FlagDetail(
        row=flag_row(flag, user=user),
        question=mark(exchange.question, checked=stage == Stage.INPUT),
        answer=mark(exchange.answer, checked=stage == Stage.OUTPUT and not exchange.original),
        original=mark(exchange.original, checked=stage == Stage.OUTPUT) if exchange.original else [],
        sources=exchange.sources,
    )


def _state(flag: Flag, user: User) -> str:
    if flag.status in DECIDED:
        return flag.status
    held = flag.status == FlagStatus.CLAIMED and flag.claimed_until is not None and flag.claimed_until > timezone.now()
    if flag.status == FlagStatus.CLAIMED and flag.claimed_by_id == user.id:
        return "mine"
    return "taken" if held else "open"


def _match_in_excerpt(flag: Flag) -> tuple[int, int]:
    """Where the first span lies in the excerpt, which starts with an ellipsis if text was cut off before it."""
    if not flag.spans:
        return 0, 0
    start, end = flag.spans[0]
    offset = start if start <= EXCERPT_MARGIN else EXCERPT_MARGIN + 1
    return offset, offset + end - start


def _mark(text: str, spans: list[tuple[int, int]], match: str) -> Iterator[Segment]:
    """By offsets where they fit the text; a masked or cited text has shifted, so there the words are looked for."""
    if spans and text[slice(*spans[0])] == match:
        return _by_spans(text, spans)
    return _by_spans(text, _occurrences(text, match))


def _occurrences(text: str, match: str) -> Iterator[tuple[int, int]]:
    position = text.find(match) if match else -1
    while position >= 0:
        yield position, position + len(match)
        position = text.find(match, position + len(match))


def _by_spans(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[Segment]:
    done = 0
    for start, end in sorted(spans)[:MAX_MARKS]:
        if end <= max(start, done):
            continue
        if start > done:
            yield Segment(text[done:start], marked=False)
        yield Segment(text[max(start, done) : end], marked=True)
        done = end
    if done < len(text):
        yield Segment(text[done:], marked=False)
