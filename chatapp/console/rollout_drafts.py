"""A rollout while somebody fills in its form: what the fields hold, wrong or right, and its rows of stages."""

from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any, Self

from django.http import QueryDict

from chatapp.errors import ChatappError
from chatapp.inference.models import RolloutKind, Route
from chatapp.inference.rollouts.guards import GUARDS, Guard
from chatapp.inference.rollouts.plans import MAX_STAGES, STAGES_OF

ALPHA = 0.05


@dataclass(slots=True)
class StageRow:
    share: str = ""
    min_answers: str = ""
    min_minutes: str = ""

    @property
    def is_blank(self) -> bool:
        return not (self.share or self.min_answers or self.min_minutes)

    def numbers(self) -> dict[str, float | int]:
        """Raises ChatappError("invalid")."""
        answers = _number(self.min_answers or "0", "The answers of a stage")
        return {
            "share": _number(self.share, "The share of a stage"),
            "min_answers": int(answers) if answers == int(answers) else answers,
            "min_minutes": _number(self.min_minutes or "0", "The minutes of a stage"),
        }


@dataclass(slots=True)
class GuardRow:
    """`tolerance` is in percent of the baseline's figure."""

    guard: Guard
    is_on: bool
    tolerance: str

    @classmethod
    def usual(cls, guard: Guard) -> Self:
        return cls(guard, is_on=True, tolerance=f"{100 * guard.tolerance:g}")


@dataclass(slots=True)
class RolloutDraft:
    route: str = Route.DEFAULT
    candidate: str = ""
    kind: str = RolloutKind.CANARY.value
    stages: list[StageRow] = field(default_factory=list)
    guards: list[GuardRow] = field(default_factory=list)
    alpha: str = f"{100 * ALPHA:g}"
    pilot_group: str = ""
    has_pilot: bool = True
    reason: str = ""
    override: str = ""

    @classmethod
    def fresh(cls, *, route: str = "", candidate: str = "") -> Self:
        draft = cls(route=route or Route.DEFAULT, candidate=candidate)
        draft.guards = [GuardRow.usual(guard) for guard in GUARDS.values()]
        draft.reset_stages()
        return draft

    @classmethod
    def posted(cls, form: QueryDict) -> Self:
        """The usual stages of its kind where the person has just chosen another one."""
        draft = cls(has_pilot="has_pilot" in form)
        for name in ("route", "candidate", "kind", "pilot_group", "reason", "override"):
            setattr(draft, name, form.get(name, "").strip()[:1000])
        draft.alpha = form.get("alpha", draft.alpha).strip()[:20]
        columns = (form.getlist(f"stage_{name}")[: MAX_STAGES + 1] for name in ("share", "min_answers", "min_minutes"))
        draft.stages = [StageRow(*(value.strip() for value in row)) for row in zip(*columns, strict=False)]
        on = set(form.getlist("guard"))
        draft.guards = [
            GuardRow(guard, name in on, form.get(f"tolerance_{name}", "").strip()[:20])
            if f"tolerance_{name}" in form
            else GuardRow.usual(guard)
            for name, guard in GUARDS.items()
        ]
        if form.get("kind_before", draft.kind) != draft.kind:
            draft.reset_stages()
        return draft

    @property
    def is_canary(self) -> bool:
        return self.kind == RolloutKind.CANARY

    @property
    def has_stages(self) -> bool:
        return self.kind != RolloutKind.SHADOW

    def reset_stages(self) -> None:
        self.stages = [
            StageRow(f"{stage['share']:g}", f"{stage['min_answers']:g}", f"{stage['min_minutes']:g}")
            for stage in STAGES_OF.get(self.kind, ())
        ]

    def change(self, action: str) -> str:
        """Adds or removes a stage as `add-stage` and `remove-stage-0` say; returns what to focus.

        Raises ChatappError("invalid") for any other action.
        """
        if action == "add-stage":
            self.stages.append(StageRow())
            return f"stage-{len(self.stages) - 1}"
        number = action.removeprefix("remove-stage-")
        if not (number.isdecimal() and len(number) < 4 and int(number) < len(self.stages)):
            raise ChatappError("invalid", detail="this row is not there any more.")
        del self.stages[int(number)]
        return "add-stage"

    def arguments(self) -> dict[str, Any]:
        """What `start_rollout` takes beside the candidate. Raises ChatappError("invalid")."""
        given: dict[str, Any] = {
            "route": self.route,
            "kind": self.kind,
            "stages": [row.numbers() for row in self.stages if not row.is_blank] if self.has_stages else [],
            "alpha": _number(self.alpha, "The rate of false alarms") / 100,
            "guards": self._guards() if self.has_stages else None,
            "reason": self.reason,
        }
        if self.is_canary:
            given |= {"pilot_group": self.pilot_group or None, "has_pilot": self.has_pilot}
        return given

    def _guards(self) -> dict[str, dict[str, float]]:
        return {
            row.guard.name: {"tolerance": _number(row.tolerance, f"The tolerance of {row.guard.label.lower()}") / 100}
            for row in self.guards
            if row.is_on
        }


def _number(text: str, what: str) -> float:
    try:
        number = float(text.removesuffix("%").strip().replace(",", "."))
    except ValueError:
        number = nan
    if not isfinite(number):
        raise ChatappError("invalid", detail=f"{what} must be a number.")
    return number
