"""Whether a rollout goes on, stays where it is, or goes back, and why: a sentence that is understood at three in the
morning. It reads and decides; `services.judging` acts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from django.utils import timezone

from chatapp.inference.models import Arm, Rollout, RolloutKind, RolloutState
from chatapp.inference.rollouts.figures import ArmFigures, arm_figures
from chatapp.inference.rollouts.guards import GUARDS
from chatapp.inference.rollouts.verdicts import LEAST_ANSWERS, LEAST_USERS, GuardVerdict, judge_guard

SAID = 2
PATIENCE = 3  # Times the answers that a stage needs: what is unclear by then, a person decides.

__all__ = ["LEAST_ANSWERS", "LEAST_USERS", "PATIENCE", "GuardVerdict", "Verdict", "decide", "judge_rollout"]
Decision = Literal["advance", "hold", "roll_back", "complete"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the judge found. `hold` keeps the stage; with `asks_person` the rollout is held until a person decides.

    `answers` and `users` are by arm, since the rollout began; `stage_answers` the candidate's in this stage.
    """

    decision: Decision
    reason: str
    guards: list[GuardVerdict] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)
    stage_answers: int = 0
    asks_person: bool = False
    from_history: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "guards": [GuardVerdict(**one) for one in stored["guards"]]})


def judge_rollout(rollout: Rollout) -> Verdict:
    """Reads the outcomes up to now, and writes nothing."""
    figures = arm_figures(rollout)
    if rollout.share >= 100 and _is_short_of_baseline(figures):
        figures = arm_figures(rollout, with_history=True)
    return decide(rollout, figures, now=timezone.now())


def decide(rollout: Rollout, figures: ArmFigures, *, now: datetime) -> Verdict:
    alpha = rollout.alpha / max(len(rollout.guards), 1)
    guards = [_judge(name, figures, alpha=alpha, tolerance=plan["tolerance"]) for name, plan in rollout.guards.items()]
    decision, reason, asks = _decision(rollout, figures, guards, now)
    if figures.from_history:
        reason += " The baseline's figures are of the 7 days before the rollout."
    everything = {arm: figures.of(arm, "errors") for arm in Arm.values}
    return Verdict(
        decision=decision,
        reason=reason,
        guards=guards,
        answers={arm: sums.answers for arm, sums in everything.items()},
        users={arm: sums.users for arm, sums in everything.items()},
        stage_answers=figures.stage_answers,
        asks_person=asks,
        from_history=figures.from_history,
    )


def _judge(name: str, figures: ArmFigures, *, alpha: float, tolerance: float) -> GuardVerdict:
    is_late = name == "first_token" and figures.late_seconds is not None
    return judge_guard(
        GUARDS[name],
        baseline=figures.of(Arm.BASELINE, name),
        candidate=figures.of(Arm.CANDIDATE, name),
        tolerance=tolerance,
        alpha=alpha,
        note=f" (after {figures.late_seconds:.1f} s)" if is_late else "",
    )


def _is_short_of_baseline(figures: ArmFigures) -> bool:
    baseline = figures.of(Arm.BASELINE, "errors")
    return baseline.answers < LEAST_ANSWERS or baseline.users < LEAST_USERS


def _decision(
    rollout: Rollout, figures: ArmFigures, guards: Sequence[GuardVerdict], now: datetime
) -> tuple[Decision, str, bool]:
    worse = [guard for guard in guards if guard.state == "worse"]
    if worse:
        return "roll_back", _say(worse), False
    if rollout.kind == RolloutKind.AB:
        return "hold", "An A/B test keeps its shares until a person ends it. No guard is worse.", False
    if rollout.state == RolloutState.HELD:
        return "hold", "It is held: a person decides when it goes on. No guard is worse.", False
    if missing := _missing(rollout, figures, now):
        return "hold", missing, False
    stage = rollout.stages[rollout.stage]
    unclear = [guard for guard in guards if guard.state == "unclear"]
    if unclear:
        asks = figures.stage_answers >= PATIENCE * max(stage["min_answers"], LEAST_ANSWERS)
        ending = "A person has to decide." if asks else "It waits for more answers."
        return "hold", f"It looks worse, which may be chance. {_say(unclear)} {ending}", asks
    is_last = rollout.stage + 1 >= len(rollout.stages)
    seen = f"{figures.stage_answers:,} answers of {figures.stage_users:,} people in this stage, and no guard is worse."
    return ("complete" if is_last else "advance"), seen, False


def _say(guards: Sequence[GuardVerdict]) -> str:
    """The first of them in sentences: a reason has 500 characters."""
    more = f" And {len(guards) - SAID} more." if len(guards) > SAID else ""
    return " ".join(guard.sentence for guard in guards[:SAID]) + more


def _missing(rollout: Rollout, figures: ArmFigures, now: datetime) -> str:
    """What the stage still needs, as a sentence; empty when it has everything."""
    stage = rollout.stages[rollout.stage]
    needed = max(stage["min_answers"], LEAST_ANSWERS)
    baseline, candidate = figures.of(Arm.BASELINE, "errors"), figures.of(Arm.CANDIDATE, "errors")
    left = timedelta(minutes=stage["min_minutes"]) - (now - rollout.stage_started_at)
    if figures.stage_answers < needed:
        return f"{figures.stage_answers:,} of {needed:,} answers in this stage."
    if candidate.users < LEAST_USERS:
        return f"Only {candidate.users} of at least {LEAST_USERS} people have met the candidate."
    if baseline.answers < LEAST_ANSWERS or baseline.users < LEAST_USERS:
        return f"The baseline has only {baseline.answers} answers to compare with. A person may complete it."
    if left > timedelta(0):
        return f"Enough answers; the stage lasts {left / timedelta(minutes=1):.0f} more minutes."
    return ""
