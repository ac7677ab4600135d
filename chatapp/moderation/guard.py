"""Holds streamed text back until the checks have cleared it."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.findings import MAX_SPANS, Finding, excerpt_of
from chatapp.moderation.checks.scanner import Scanner, Span
from chatapp.moderation.models import Action

# Long pieces are looked at in slices, so that the cost of one look does not grow with the piece.
SLICE_CHARACTERS = 1024


@dataclass(order=True, slots=True)
class _Hit:
    span: Span
    number: int
    check: Check = field(compare=False)


class OutputGuard:
    """No character of a span that a mask or block check matches comes out of `feed` or `finish`.

    What comes out does not depend on how the text is cut into pieces. Text waits only while it could still
    become a match of such a check. Once `blocked`, nothing more comes out.
    """

    def __init__(self, checks: Sequence[Check]) -> None:
        self.blocked = False
        self.retracted = False
        self._scanners = [Scanner(check) for check in checks if check.matchers]
        self._hits: list[_Hit] = []
        self._found: dict[int, list[tuple[int, int]]] = {}
        self._pieces: list[str] = []
        self._length = 0
        self._held = ""
        self._released = 0  # offset of _held[0] in the whole text
        self._masked_until = 0
        self._spared: list[tuple[int, int]] = []

    @property
    def raw(self) -> str:
        return "".join(self._pieces)

    @property
    def findings(self) -> tuple[Finding, ...]:
        text = self.raw
        return tuple(self._finding(number, text) for number in sorted(self._found))

    def feed(self, text: str) -> str:
        text = text.encode("utf-8", "replace").decode()  # a lone surrogate can be neither scanned nor stored
        self._pieces.append(text)
        return "".join(self._look(text[at : at + SLICE_CHARACTERS]) for at in range(0, len(text), SLICE_CHARACTERS))

    def spare(self, start: int, end: int) -> None:
        """Characters of the whole text, not fed yet, that are the employee's own: personal data that stays."""
        self._spared.append((start, end))

    def finish(self) -> str:
        if self.blocked:
            return ""
        for number, scanner in enumerate(self._scanners):
            self._collect(number, scanner.finish())
        return self._release(self._length)

    def _look(self, piece: str) -> str:
        if self.blocked:
            return ""
        self._held += piece
        self._length += len(piece)
        for number, scanner in enumerate(self._scanners):
            self._collect(number, scanner.feed(piece))
        return self._release(min((s.clear for s in self._scanners if s.check.holds), default=self._length))

    def _collect(self, number: int, spans: list[Span]) -> None:
        check = self._scanners[number].check
        for span in spans:
            if not self._is_spared(check, span):
                heapq.heappush(self._hits, _Hit(span, number, check))

    def _is_spared(self, check: Check, span: Span) -> bool:
        masks_personal_data = check.kind == "pii" and check.action == Action.MASK
        return masks_personal_data and any(start <= span.start and span.end <= end for start, end in self._spared)

    def _release(self, limit: int) -> str:
        """Text up to `limit`, before which every span of the holding checks is known."""
        out = []
        while self._hits and self._hits[0].span.start < limit:
            hit = heapq.heappop(self._hits)
            self._remember(hit)
            if not hit.check.holds:
                continue
            if hit.check.action == Action.BLOCK:
                self.blocked = True
                self._held = ""
                return ""
            if hit.check.action == Action.MASK:
                if hit.span.start >= self._masked_until:
                    out += [self._take(hit.span.start), hit.span.mask]
                self._take(hit.span.end)
                self._masked_until = max(self._masked_until, hit.span.end)
        out.append(self._take(limit))
        return "".join(out)

    def _take(self, end: int) -> str:
        count = max(0, end - self._released)
        taken, self._held = self._held[:count], self._held[count:]
        self._released += count
        return taken

    def _remember(self, hit: _Hit) -> None:
        spans = self._found.setdefault(hit.number, [])
        if len(spans) < MAX_SPANS:
            spans.append((hit.span.start, hit.span.end))

    def _finding(self, number: int, text: str) -> Finding:
        check, spans = self._scanners[number].check, tuple(self._found[number])
        return Finding(
            policy_id=check.policy_id,
            check=check.name,
            stage=check.stage,
            action=check.action,
            severity=check.severity,
            spans=spans,
            excerpt=excerpt_of(text, spans),
            kind=check.kind,
            is_shadow=check.is_shadow,
        )
