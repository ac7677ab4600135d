"""A rollout in words: where it stands, what comes next, and what may be done with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.console.selectors import search_rollouts_for
from chatapp.console.templatetags.figures import lasted, percent
from chatapp.inference.models import Rollout, RolloutKind, RolloutState, RolloutStep
from chatapp.inference.rollouts.judge import Verdict

Move = Literal["advance", "hold", "resume", "roll_back", "complete", "end"]

KINDS: dict[str, str] = {
    RolloutKind.CANARY: "Canary",
    RolloutKind.AB: "A/B test",
    RolloutKind.BLUE_GREEN: "Blue-green switch",
    RolloutKind.SHADOW: "Shadow",
}

_MAX_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Action:
    """A button. `question` is asked before, `said` is told after."""

    move: Move
    label: str
    question: str
    said: str
    is_danger: bool = False
    is_primary: bool = False


@dataclass(frozen=True, slots=True)
class RolloutRow:
    """`ending` is the step that ended it, where the caller has read it."""

    rollout: Rollout
    actions: list[Action]
    ending: RolloutStep | None = None

    @property
    def kind(self) -> str:
        return KINDS[self.rollout.kind]

    @property
    def where(self) -> str:
        """`5 % of default`; of what is over, `on default`."""
        if not self.rollout.is_live:
            return f"on {self.rollout.route_id}"
        if self.rollout.kind == RolloutKind.SHADOW:
            return f"unseen on {self.rollout.route_id}"
        return f"{percent(self.rollout.share)} of {self.rollout.route_id}"

    @property
    def lasted(self) -> str:
        end = self.rollout.finished_at or timezone.now()
        return lasted((end - self.rollout.created_at).total_seconds())

    @property
    def next(self) -> str:
        """What the judge waits for, or why it ended."""
        if not self.rollout.is_live:
            return self.ending.reason if self.ending is not None else ""
        verdict = verdict_of(self.rollout)
        return verdict.reason if verdict is not None else _unjudged(self.rollout)


def rollout_row(rollout: Rollout, *, may_manage: bool, ending: RolloutStep | None = None) -> RolloutRow:
    return RolloutRow(rollout, list(actions_for(rollout)) if may_manage else [], ending)


def rollouts_for(user: User) -> list[RolloutRow] | None:
    """Those that run or are held, for the overview; None for those who may not know."""
    if not can(user, "inference.view_rollout"):
        return None
    return [rollout_row(one, may_manage=False) for one in search_rollouts_for(user, state="live")[:_MAX_SHOWN]]


def verdict_of(rollout: Rollout) -> Verdict | None:
    """What the judge found last; None before its first look."""
    return Verdict.from_dict(rollout.verdict) if rollout.verdict else None


def actions_for(rollout: Rollout) -> Iterator[Action]:
    """What makes sense now, the likeliest first. The services decide: what a page shows may be old."""
    if not rollout.is_live:
        return
    if rollout.stage + 1 < len(rollout.stages):
        yield _advance(rollout)
    if rollout.kind != RolloutKind.SHADOW:
        yield _complete(rollout)
    yield _hold(rollout) if rollout.state == RolloutState.RUNNING else _resume(rollout)
    if rollout.kind in {RolloutKind.AB, RolloutKind.SHADOW}:
        yield _end(rollout)
    if rollout.kind != RolloutKind.SHADOW:
        yield _roll_back(rollout)


def _advance(rollout: Rollout) -> Action:
    share = percent(float(rollout.stages[rollout.stage + 1]["share"]))
    question = (
        f"Give {rollout.candidate.name} {share} of the people on {rollout.route_id}, now {percent(rollout.share)}, "
        "without waiting for what this stage needs? Whoever has met it stays with it."
    )
    said = f"{rollout.candidate.name} answers {share} of the people on {rollout.route_id} from now on."
    return Action("advance", f"Advance to {share}", question, said, is_primary=True)


def _complete(rollout: Rollout) -> Action:
    question = (
        f"Let {rollout.candidate.name} answer everybody on {rollout.route_id}, and end the rollout? "
        f"{rollout.baseline.name} then answers nobody there, and no guard looks on any more."
    )
    said = f"{rollout.candidate.name} is the version of {rollout.route_id} now."
    is_next = rollout.kind != RolloutKind.AB and rollout.stage + 1 == len(rollout.stages)
    return Action("complete", "Complete", question, said, is_primary=is_next)


def _hold(rollout: Rollout) -> Action:
    question = f"Hold at {percent(rollout.share)}? Nothing advances it until a person does; its guards go on."
    return Action("hold", "Hold", question, f"The rollout is held at {percent(rollout.share)}.")


def _resume(rollout: Rollout) -> Action:
    question = "Let the judge go on? The time that this stage needs counts from now."
    return Action("resume", "Resume", question, f"The judge goes on from {percent(rollout.share)}.")


def _end(rollout: Rollout) -> Action:
    question = f"End it without a winner? {rollout.baseline.name} answers everybody on {rollout.route_id}."
    return Action("end", "End", question, f"The rollout is over; {rollout.baseline.name} goes on.")


def _roll_back(rollout: Rollout) -> Action:
    question = (
        f"Roll {rollout.candidate.name} back? {rollout.baseline.name} answers everything on {rollout.route_id} that is "
        "not begun yet, within seconds. Running answers finish as they are."
    )
    said = f"{rollout.candidate.name} is rolled back; {rollout.baseline.name} answers everybody on {rollout.route_id}."
    return Action("roll_back", "Roll back", question, said, is_danger=True)


def _unjudged(rollout: Rollout) -> str:
    if rollout.kind == RolloutKind.SHADOW:
        return "It answers beside the baseline when a worker has time, and nobody sees it."
    return "The judge has not looked yet."
