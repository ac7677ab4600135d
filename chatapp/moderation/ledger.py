"""What the checks found in one text, put together."""

from bisect import insort
from collections.abc import Iterator, Sequence

from chatapp.moderation.checks.check import HOLDING, Check, FailRule
from chatapp.moderation.checks.findings import MAX_SPANS, Finding, excerpt_of
from chatapp.moderation.checks.scanner import Span
from chatapp.moderation.models import Action, Failure


class Ledger:
    """Checks are told by their number. The same for the same text, in whatever order things are found."""

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = checks
        self._spans: dict[int, list[tuple[int, int]]] = {}
        self._scores: dict[int, float] = {}
        self._failures: dict[int, Failure] = {}
        self._masks: list[Span] = []

    def add(self, number: int, span: Span) -> None:
        check, spans = self._checks[number], self._spans.setdefault(number, [])
        if (span.start, span.end) not in spans:
            insort(spans, (span.start, span.end))
            del spans[MAX_SPANS:]
        if check.action == Action.MASK and not check.is_shadow:
            insort(self._masks, span)
        if span.score is not None:
            self._scores[number] = max(span.score, self._scores.get(number, 0.0))

    def fail(self, number: int, failure: Failure) -> None:
        self._failures[number] = failure

    def found(self, number: int) -> bool:
        return number in self._spans

    def masked(self, text: str) -> str:
        """With the mask of every check that masks; of spans that overlap the first one's stands for all."""
        out, position = [], 0
        for span in self._masks:
            if span.start >= len(text):
                break
            if span.start >= position:
                out += [text[position : span.start], span.mask]
            position = max(position, span.end)
        return "".join([*out, text[position:]])

    def findings(self, text: str) -> tuple[Finding, ...]:
        return tuple(finding for number in range(len(self._checks)) for finding in self._of(number, text))

    def _of(self, number: int, text: str) -> Iterator[Finding]:
        check = self._checks[number]
        if number in self._spans:
            spans = tuple(self._spans[number])
            excerpt, score = excerpt_of(text, spans), self._scores.get(number)
            yield _finding(check, check.action, spans=spans, excerpt=excerpt, score=score)
        if number in self._failures:
            yield _finding(check, failure_action(check), failure=self._failures[number])


def failure_action(check: Check) -> Action:
    """What is done when the check could not look. Of a text of which nothing is known, no part can be masked."""
    if check.fails == FailRule.OPEN:
        return Action.ALLOW
    return Action.BLOCK if check.action in HOLDING else check.action


def _finding(
    check: Check,
    action: Action,
    *,
    spans: tuple[tuple[int, int], ...] = (),
    excerpt: str = "",
    score: float | None = None,
    failure: str = "",
) -> Finding:
    return Finding(
        policy_id=check.policy_id,
        check=check.name,
        stage=check.stage,
        action=action,
        severity=check.severity,
        spans=spans,
        excerpt=excerpt,
        kind=check.kind,
        score=score,
        failure=failure,
        is_shadow=check.is_shadow,
    )
