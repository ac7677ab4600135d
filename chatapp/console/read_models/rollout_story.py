"""One rollout as its page tells it: the stages, what the guards see, what was done, when, by whom and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils import timezone

from chatapp.console.templatetags.figures import percent
from chatapp.inference.models import Arm, Rollout, RolloutAction, RolloutKind, RolloutState, RolloutStep
from chatapp.inference.rollouts.guards import GUARDS, Guard
from chatapp.inference.rollouts.judge import Verdict
from chatapp.inference.rollouts.verdicts import LEAST_ANSWERS, GuardVerdict
from chatapp.inference.usage import ArmCost, arm_costs

Place = Literal["done", "now", "ahead", "stopped"]

# In the order in which a page shows them.
GUARD_STATES = {
    "worse": ("danger", "Worse"),
    "unclear": ("warn", "Unclear"),
    "ok": ("ok", "Not worse"),
    "too_few": ("plain", "Too few answers"),
}
STEPS: dict[str, str] = {
    RolloutAction.STARTED: "Started",
    RolloutAction.ADVANCED: "Advanced",
    RolloutAction.HELD: "Held",
    RolloutAction.RESUMED: "Resumed",
    RolloutAction.ROLLED_BACK: "Rolled back",
    RolloutAction.COMPLETED: "Completed",
    RolloutAction.ENDED: "Ended",
}


@dataclass(frozen=True, slots=True)
class StageBar:
    """`answers` and `minutes` are what it has, of the stage that runs only."""

    number: int
    share: float
    place: Place
    min_answers: int
    min_minutes: float
    answers: int = 0
    minutes: float = 0

    @property
    def percent(self) -> int:
        """How much of what it needs it has: the lesser of both."""
        parts = [
            min(1.0, has / needs)
            for has, needs in ((self.answers, self.min_answers), (self.minutes, self.min_minutes))
            if needs
        ]
        return int(100 * min(parts, default=1.0))


@dataclass(frozen=True, slots=True)
class Interval:
    """The drawing of a difference, 0 to 100 across, 50 where the arms are equal; `limit` is where it gets too bad."""

    low: float
    high: float
    value: float
    limit: float


@dataclass(frozen=True, slots=True)
class GuardRow:
    found: GuardVerdict
    tolerance: float | None
    interval: Interval | None

    @property
    def guard(self) -> Guard:
        return GUARDS[self.found.name]

    @property
    def level(self) -> str:
        return GUARD_STATES[self.found.state][0]

    @property
    def state(self) -> str:
        return GUARD_STATES[self.found.state][1]

    @property
    def baseline(self) -> str:
        return "" if self.found.baseline is None else self.guard.show(self.found.baseline)

    @property
    def candidate(self) -> str:
        return "" if self.found.candidate is None else self.guard.show(self.found.candidate)

    @property
    def difference(self) -> str:
        """`+1.2 points (+0.5 to +2.9)`: the candidate's figure less the baseline's; empty where there is none yet."""
        found = self.found
        if found.baseline is None or found.candidate is None:
            return ""
        value = self._signed(found.candidate - found.baseline)
        if found.low is None or found.high is None:
            return value
        low, high = (self._signed(bound).rpartition(" ")[0] for bound in (found.low, found.high))
        return f"{value} ({low} to {high})"

    @property
    def allowed(self) -> str:
        """How much worse than the baseline is let pass."""
        if self.tolerance is None or self.found.baseline is None:
            return ""
        return self._signed(self._margin * (1 if self.guard.worse == "higher" else -1))

    @property
    def _margin(self) -> float:
        return self.guard.margin(self.found.baseline or 0.0, self.tolerance or 0.0)

    def _signed(self, figure: float) -> str:
        sign = "\N{MINUS SIGN}" if figure < 0 else "+"
        return f"{sign}{self.guard.show_difference(figure)}"


@dataclass(frozen=True, slots=True)
class StepRow:
    step: RolloutStep
    guards: list[GuardRow]

    @property
    def what(self) -> str:
        return STEPS[self.step.action]

    @property
    def who(self) -> str:
        if self.step.actor is not None:
            return self.step.actor.username
        return "the set-up" if self.step.action == RolloutAction.STARTED else "the judge"

    @property
    def shares(self) -> str:
        before, after = percent(self.step.share_before), percent(self.step.share_after)
        return after if before == after else f"{before} \N{RIGHTWARDS ARROW} {after}"


@dataclass(frozen=True, slots=True)
class ArmRow:
    """`name` is of the version; `cost` is None where neither arm's answers cost anything."""

    arm: str
    name: str
    share: float
    answers: int
    users: int
    cost: ArmCost | None


def stage_bars(rollout: Rollout, verdict: Verdict | None) -> list[StageBar]:
    minutes = ((rollout.finished_at or timezone.now()) - rollout.stage_started_at).total_seconds() / 60
    return [
        StageBar(
            number=number + 1,
            share=float(stage["share"]),
            place=_place(rollout, number),
            min_answers=max(stage["min_answers"], LEAST_ANSWERS),
            min_minutes=stage["min_minutes"],
            answers=verdict.stage_answers if verdict is not None and number == rollout.stage else 0,
            minutes=minutes if number == rollout.stage else 0,
        )
        for number, stage in enumerate(rollout.stages)
    ]


def _place(rollout: Rollout, number: int) -> Place:
    if number != rollout.stage:
        return "done" if number < rollout.stage else "ahead"
    if rollout.is_live:
        return "now"
    return "done" if rollout.state == RolloutState.COMPLETED else "stopped"


def arm_rows(rollout: Rollout, verdict: Verdict | None) -> list[ArmRow]:
    """None of a shadow rollout, whose candidate answers nobody."""
    if rollout.kind == RolloutKind.SHADOW:
        return []
    answers, users = (verdict.answers, verdict.users) if verdict is not None else ({}, {})
    arms = (
        (Arm.BASELINE, rollout.baseline.name, 100 - rollout.share),
        (Arm.CANDIDATE, rollout.candidate.name, rollout.share),
    )
    costs = arm_costs(rollout)
    paid = costs if any(cost.cost for cost in costs.values()) else {}
    return [
        ArmRow(arm, name, share, answers.get(arm, 0), users.get(arm, 0), paid.get(arm)) for arm, name, share in arms
    ]


def guard_rows(rollout: Rollout, verdict: Verdict | None) -> list[GuardRow]:
    """What is worse first, then what may be; before the judge's first look the guards without figures."""
    found = verdict.guards if verdict is not None else [_unseen(name) for name in rollout.guards]
    return [_guard_row(one, rollout.guards.get(one.name, {}).get("tolerance")) for one in _worst_first(found)]


def paired_rows(found: Sequence[GuardVerdict]) -> list[GuardRow]:
    """Of questions that both versions answered; each guard with its usual tolerance."""
    return [_guard_row(one, one.guard.tolerance) for one in _worst_first(found)]


def _worst_first(found: Sequence[GuardVerdict]) -> list[GuardVerdict]:
    states, names = list(GUARD_STATES), list(GUARDS)
    return sorted(found, key=lambda one: (states.index(one.state), names.index(one.name)))


def _unseen(name: str) -> GuardVerdict:
    return GuardVerdict(
        name=name, baseline=None, candidate=None, low=None, high=None, answers=0, users=0, state="too_few"
    )


def _guard_row(found: GuardVerdict, tolerance: float | None) -> GuardRow:
    return GuardRow(found, tolerance, _interval(found, tolerance))


def _interval(found: GuardVerdict, tolerance: float | None) -> Interval | None:
    """What lies beyond the drawing is cut off: an interval begins as wide as can be."""
    if None in {found.baseline, found.candidate, found.low, found.high} or tolerance is None:
        return None
    value = found.candidate - found.baseline
    guard = GUARDS[found.name]
    limit = guard.margin(found.baseline, tolerance) * (1 if guard.worse == "higher" else -1)
    half = max(2.5 * abs(limit), 1.4 * abs(value), 1e-9)

    def across(figure: float) -> float:
        return round(50 + 50 * min(1.0, max(-1.0, figure / half)), 1)

    return Interval(across(found.low), across(found.high), across(value), across(limit))


def last_figures(steps: Sequence[RolloutStep]) -> Verdict | None:
    """Of the last step that was done on any."""
    figures = next((step.figures for step in reversed(steps) if step.figures), None)
    return Verdict.from_dict(figures) if figures else None


def step_rows(rollout: Rollout, steps: Sequence[RolloutStep]) -> list[StepRow]:
    """The newest first, each with the figures that it was done on, if any."""
    return [
        StepRow(step, guard_rows(rollout, Verdict.from_dict(step.figures)) if step.figures else [])
        for step in reversed(steps)
    ]


def ending_of(rollout: Rollout, steps: Sequence[RolloutStep]) -> str:
    """How it ended, in a sentence; empty while it is live."""
    if rollout.is_live or not steps:
        return ""
    last = steps[-1]
    by = "the judge" if last.actor is None else last.actor.username
    at = "" if rollout.kind == RolloutKind.SHADOW else f" at {percent(last.share_before)}"
    return f"{STEPS[last.action]}{at} by {by}."
