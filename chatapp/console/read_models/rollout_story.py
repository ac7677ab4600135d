"""One rollout as its page tells it: the stages, the arms, what was done, when, by whom and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils import timezone

from chatapp.console.read_models.guards import GuardRow, guard_rows
from chatapp.console.templatetags.figures import percent
from chatapp.inference.models import Arm, Rollout, RolloutAction, RolloutKind, RolloutState, RolloutStep
from chatapp.inference.rollouts.judge import Verdict
from chatapp.inference.rollouts.verdicts import LEAST_ANSWERS
from chatapp.inference.usage import ArmCost, arm_costs

Place = Literal["done", "now", "ahead", "stopped"]

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
