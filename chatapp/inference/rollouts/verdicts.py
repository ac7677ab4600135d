"""One guard judged: which figures, what is certain of their difference, and what that means."""

from dataclasses import dataclass
from typing import Literal

from chatapp.inference.rollouts.guards import GUARDS, Guard
from chatapp.inference.rollouts.statistics import Sums, compare

LEAST_ANSWERS = 20  # Of each arm and guard. Below it, and below so many people, nothing is concluded.
LEAST_USERS = 3

GuardState = Literal["ok", "worse", "unclear", "too_few"]


@dataclass(frozen=True, kw_only=True)
class GuardVerdict:
    """One figure of both arms. `low` and `high` bound candidate minus baseline at all looks, each with `confidence`.

    `answers` and `users` are the candidate's that this figure is of. `unclear`: it looks worse than the guard lets
    pass, which may still be chance.
    """

    name: str
    baseline: float | None
    candidate: float | None
    low: float | None
    high: float | None
    answers: int
    users: int
    state: GuardState
    confidence: float = 0.0
    note: str = ""

    @property
    def guard(self) -> Guard:
        return GUARDS[self.name]

    @property
    def sentence(self) -> str:
        """Both figures, the difference that is certain, and how much that rests on."""
        if self.baseline is None or self.candidate is None:
            return f"{self.guard.label}: nothing to compare yet."
        show, points = self.guard.show, self.guard.show_difference
        certain = ""
        bound = self.low if self.guard.worse == "higher" else self.high
        if self.state == "worse" and bound is not None:
            certain = f" (difference at least {points(bound)} with {self.confidence * 100:.1f} % confidence)"
        seen = f"{self.answers:,} answers of {self.users:,} people"
        return f"{self.guard.label}{self.note}: {show(self.candidate)} against {show(self.baseline)}{certain}, {seen}."


def judge_guard(
    guard: Guard, *, baseline: Sums, candidate: Sums, tolerance: float, alpha: float, note: str = ""
) -> GuardVerdict:
    """`alpha`: of this guard alone."""
    scale = guard.scale * (abs(baseline.rate or 0.0) or 1.0) if guard.is_relative else guard.scale
    difference = compare(baseline, candidate, alpha=alpha, scale=scale, is_share=guard.is_share)
    state: GuardState = "too_few"
    if difference and min(baseline.answers, candidate.answers) >= LEAST_ANSWERS and candidate.users >= LEAST_USERS:
        margin = guard.margin(baseline.rate or 0.0, tolerance)
        is_higher = guard.worse == "higher"
        surely = difference.low if is_higher else -difference.high
        likely = (difference.value if is_higher else -difference.value) - difference.error
        state = "worse" if surely > margin else "unclear" if likely > margin else "ok"
    return GuardVerdict(
        name=guard.name,
        baseline=baseline.rate,
        candidate=candidate.rate,
        low=difference.low if difference else None,
        high=difference.high if difference else None,
        answers=candidate.answers,
        users=candidate.users,
        state=state,
        confidence=1 - alpha,
        note=note,
    )
