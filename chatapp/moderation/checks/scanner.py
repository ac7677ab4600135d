"""Finds a check's spans in text that arrives in pieces, the same spans however it is cut."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.matcher import Matcher


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters [start, end) of the whole text, and what stands in their place if they are masked.

    `score` is an examiner's; a match has none.
    """

    start: int
    end: int
    mask: str
    label: str = ""
    score: float | None = field(default=None, compare=False)


class Scanner:
    """`clear`: every span that starts before this offset has been reported.

    A match is reported once no further text can change it: it neither touches the end of the text so far nor
    could be the beginning of a longer one. Matches longer than the check's `max_span` do not exist; one that would
    go on is matched within its first `max_span` characters. Only the undecided tail is kept and looked at again.
    """

    def __init__(self, check: Check) -> None:
        self.check = check
        self.clear = 0
        self._text = ""
        self._offset = 0  # of _text[0] in the whole text
        self._next = [0] * len(check.matchers)  # where each matcher goes on

    def feed(self, text: str) -> list[Span]:
        self._text += text
        undecided = max(self.clear - self._offset, len(self._text) - self.check.max_span)
        return self._advance(self.check.open_end.search(self._text, undecided).start())

    def finish(self) -> list[Span]:
        return self._advance(len(self._text))

    def _advance(self, limit: int) -> list[Span]:
        spans: list[Span] = []
        matched = self.check.anything.search(self._text, self.clear - self._offset) is not None
        for number, matcher in enumerate(self.check.matchers):
            if matched:
                spans.extend(self._spans(number, matcher, limit))
            self._next[number] = max(self._next[number], self._offset + limit)
        self.clear = self._offset + limit
        # One decided character stays, so that `\b` and `^` see what stands before the rest.
        drop = max(0, limit - 1)
        self._text = self._text[drop:]
        self._offset += drop
        return spans

    def _spans(self, number: int, matcher: Matcher, limit: int) -> Iterator[Span]:
        position = self._next[number] - self._offset
        while position < limit and (found := matcher.pattern.search(self._text, position)):
            start, end = found.span()
            if start >= limit:
                return
            if end - start > self.check.max_span:
                found = matcher.pattern.match(self._text, start, start + self.check.max_span)
                end = found.end() if found else start
            span = matcher.confirm(self._text, start, end) if found else None
            position = span[1] if span else start + 1
            if span:
                self._next[number] = self._offset + span[1]
                yield Span(self._offset + span[0], self._offset + span[1], matcher.mask, matcher.label)


def scan(check: Check, text: str) -> list[Span]:
    """Every span of a text that is whole."""
    if not check.matchers:
        return []
    scanner = Scanner(check)
    return scanner.feed(text) + scanner.finish()
