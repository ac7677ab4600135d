"""Holds streamed text back until the checks have cleared it."""

import heapq
import time
from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.findings import Finding
from chatapp.moderation.checks.scanner import Scanner, Span
from chatapp.moderation.ledger import Ledger, failure_action
from chatapp.moderation.models import Action
from chatapp.moderation.tallies import note_look
from chatapp.moderation.watch import Watch

# Long pieces are looked at in slices, so that the cost of one look does not grow with the piece.
SLICE_CHARACTERS = 1024


@dataclass(order=True, slots=True)
class _Hit:
    span: Span
    number: int


class OutputGuard:
    """No character of a span that a holding check masks or blocks comes out of `feed` or `finish`.

    What comes out does not depend on how the text is cut into pieces. Text waits while it could still become a match
    of such a check, and till the end of the last window that such an examiner has cleared. Once `blocked`, nothing
    more comes out.

    Other checks never delay; what they find late may still change the answer. `retracted`: what came out has to be
    taken back. `masked_late`: some of it has to be masked. `text` is what may stay, with all that is masked.
    """

    def __init__(self, checks: Sequence[Check]) -> None:
        self.blocked = False
        self.retracted = False
        self.masked_late = False
        self._is_settled = False
        self._checks = list(checks)
        self._ledger = Ledger(self._checks)
        self._scanners = [(n, Scanner(check)) for n, check in enumerate(checks) if check.matchers]
        self._watches = [(n, Watch(check, check.examiner)) for n, check in enumerate(checks) if check.examiner]
        self._seconds = [0.0] * len(self._checks)
        self._hits: list[_Hit] = []
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
    def text(self) -> str:
        return self._ledger.masked(self.raw[: self._released])

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self._ledger.findings(self.raw)

    def spare(self, start: int, end: int) -> None:
        """Characters of the whole text, not fed yet, that are the employee's own: personal data that stays."""
        self._spared.append((start, end))

    def feed(self, text: str) -> str:
        """What has been cleared by now; an empty text asks for what examiners have cleared in the meantime."""
        text = text.encode("utf-8", "replace").decode()  # a lone surrogate can be neither scanned nor stored
        self._pieces.append(text)
        slices = [text[at : at + SLICE_CHARACTERS] for at in range(0, len(text), SLICE_CHARACTERS)]
        return "".join(self._look(piece) for piece in slices or [""])

    def finish(self) -> str:
        """The rest; waits for the examiners that hold text back, for each look its budget at most."""
        if self.blocked:
            return ""
        self._finish_scans(self._scanners)
        for _, watch in self._watches:
            watch.finish()
        for number, watch in self._watches:
            if watch.check.holds_windows and not self.blocked:
                self._note(number, watch, watch.wait())
        return self._release(self._length)

    def settle(self) -> None:
        """Waits for the looks that delay nothing. After `finish`, or in its place when no more text is wanted."""
        if self._is_settled:
            return
        self._is_settled = True
        self._finish_scans([(number, scanner) for number, scanner in self._scanners if not scanner.check.holds])
        late = [(number, watch) for number, watch in self._watches if not watch.check.holds_windows]
        for _, watch in late:
            watch.finish()
        for number, watch in late:
            if not self.blocked and not self.retracted:
                self._note(number, watch, watch.wait())
        for number, scanner in self._scanners:
            note_look(scanner.check, seconds=self._seconds[number], found=self._ledger.found(number))

    def _finish_scans(self, scanners: Sequence[tuple[int, Scanner]]) -> None:
        for number, scanner in scanners:
            self._scan(number, scanner, None)

    def _look(self, piece: str) -> str:
        if self.blocked:
            return ""
        self._held += piece
        self._length += len(piece)
        for number, scanner in self._scanners if piece else ():
            self._scan(number, scanner, piece)
        for number, watch in self._watches:
            self._note(number, watch, watch.feed(piece))
        return self._release(self._cleared())

    def _cleared(self) -> int:
        scanned = [scanner.clear for _, scanner in self._scanners if scanner.check.holds]
        watched = [watch.clear for _, watch in self._watches if watch.check.holds_windows]
        return min(scanned + watched, default=self._length)

    def _scan(self, number: int, scanner: Scanner, piece: str | None) -> None:
        began = time.perf_counter()
        spans = scanner.finish() if piece is None else scanner.feed(piece)
        self._seconds[number] += time.perf_counter() - began
        for span in spans:
            self._add(number, span, holds=scanner.check.holds)

    def _note(self, number: int, watch: Watch, spans: Sequence[Span]) -> None:
        check = watch.check
        for span in spans:
            self._add(number, span, holds=check.holds_windows)
        if watch.failure is not None:
            self._ledger.fail(number, watch.failure)
            if check.holds and failure_action(check) == Action.BLOCK:
                self._stop(holds=check.hold)

    def _add(self, number: int, span: Span, *, holds: bool) -> None:
        check = self._checks[number]
        if self._is_spared(check, span):
            return
        if holds:
            heapq.heappush(self._hits, _Hit(span, number))
            return
        self._ledger.add(number, span)
        if check.holds and check.action == Action.BLOCK:
            self._stop(holds=False)
        self.masked_late = self.masked_late or (check.holds and check.action == Action.MASK)

    def _is_spared(self, check: Check, span: Span) -> bool:
        masks_personal_data = check.kind == "pii" and check.action == Action.MASK
        return masks_personal_data and any(start <= span.start and span.end <= end for start, end in self._spared)

    def _stop(self, *, holds: bool) -> None:
        self.blocked = self.blocked or holds
        self.retracted = self.retracted or not holds
        self._held = "" if self.blocked else self._held

    def _release(self, limit: int) -> str:
        """Text up to `limit`, before which every span of the holding checks is known."""
        out = []
        while self._hits and self._hits[0].span.start < limit and not self.blocked:
            hit = heapq.heappop(self._hits)
            self._ledger.add(hit.number, hit.span)
            if self._checks[hit.number].action == Action.BLOCK:
                self._stop(holds=True)
                continue
            if hit.span.start >= self._masked_until:
                out += [self._take(hit.span.start), hit.span.mask]
            self._take(hit.span.end)
            self._masked_until = max(self._masked_until, hit.span.end)
        return "" if self.blocked else "".join([*out, self._take(limit)])

    def _take(self, end: int) -> str:
        count = max(0, end - self._released)
        taken, self._held = self._held[:count], self._held[count:]
        self._released += count
        return taken
