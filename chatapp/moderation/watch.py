"""Follows a streamed text with an examiner: window by window, in order, off the caller's thread."""

from collections import deque

from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.examiner import Examiner
from chatapp.moderation.checks.scanner import Span
from chatapp.moderation.examining import Look, begin
from chatapp.moderation.models import Failure
from chatapp.moderation.share import unhurried
from chatapp.moderation.tallies import note_look
from chatapp.moderation.windows import Window, Windows

# What came in while a look was under way is looked at together.
WINDOWS_A_LOOK = 8


class Watch:
    """`clear`: every hit that starts before this offset was reported, or its window could not be looked at.

    `failure`: why a window could not be looked at. Where nothing waits for the check, windows are looked at several at
    once, within the process's share of a processor: for what that does not allow by the end, the failure is `slow`.
    """

    def __init__(self, check: Check, examiner: Examiner) -> None:
        self.check = check
        self.clear = 0
        self.failure: Failure | None = None
        self._examiner = examiner
        self._windows = Windows(examiner.longest)
        self._waiting: deque[Window] = deque()
        self._looked_at: list[Window] = []
        self._look: Look | None = None
        self._at_once = WINDOWS_A_LOOK
        self._is_unhurried = not check.holds and not examiner.is_remote
        self._is_whole = False

    def feed(self, text: str) -> list[Span]:
        """What earlier looks found; never waits."""
        self._waiting.extend(self._windows.feed(text))
        return self._go_on(wait=False)

    def finish(self) -> None:
        """No more text comes; begins to look at the rest."""
        self._is_whole = True
        self._waiting.extend(self._windows.finish())
        self._begin()

    def wait(self) -> list[Span]:
        """What is found in all windows that are not looked at yet; each look takes its budget at most."""
        return self._go_on(wait=True)

    def _go_on(self, *, wait: bool) -> list[Span]:
        spans: list[Span] = []
        self._begin()
        while self._look is not None and (wait or self._look.is_due):
            spans += self._end(self._look)
            self._begin()
        return spans

    def _begin(self) -> None:
        if self._look is None and self._waiting and self._may_begin():
            count = min(len(self._waiting), self._at_once)
            self._looked_at = [self._waiting.popleft() for _ in range(count)]
            self._look = begin(self.check, self._examiner, [window.text for window in self._looked_at])

    def _may_begin(self) -> bool:
        if not self._is_unhurried or (self._is_whole and unhurried.has_room()):
            return True
        if self._is_whole:
            self.failure = self.failure or Failure.SLOW
            self._waiting.clear()
            note_look(self.check, seconds=0.0, found=False, failure=Failure.SLOW)
            return False
        return len(self._waiting) >= self._at_once and unhurried.has_room()

    def _end(self, look: Look) -> list[Span]:
        outcome, self._look = look.outcome(), None
        if self._is_unhurried:
            unhurried.take(look.seconds)
        if outcome == Failure.DOWN and len(self._looked_at) > 1:
            # One text that the examiner cannot bear shall not hide those beside it.
            self._at_once = 1
            self._waiting.extendleft(reversed(self._looked_at))
            return []
        self.clear = self._looked_at[-1].end
        if isinstance(outcome, Failure):
            self.failure = self.failure or outcome
            return []
        return [
            Span(window.start + hit.start, window.start + hit.end, hit.mask, hit.label, hit.score)
            for window, hits in zip(self._looked_at, outcome, strict=True)
            for hit in hits
            if hit.score >= self.check.threshold
        ]
