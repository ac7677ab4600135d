"""Rollouts begin, move and end. Each change is one transaction that reaches every question still queued.

A route's row is locked before that of its rollout, here as in `routes`. `user` is None for the judge.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.inference import routing
from chatapp.inference.models import (
    LIVE_ROLLOUT,
    ModelVersion,
    Rollout,
    RolloutAction,
    RolloutKind,
    RolloutState,
    Route,
    RouteArm,
)
from chatapp.inference.rollouts.guards import DEFAULT_GUARDS, parse_guards
from chatapp.inference.rollouts.plans import check_alpha, parse_stages
from chatapp.inference.services.gates import admit, settle_states
from chatapp.inference.services.problems import require_served, try_again
from chatapp.inference.services.rollout_steps import (
    Figures,
    add_step,
    checked_reason,
    describe,
    end,
    give_share,
    lock_rollout,
    lock_route,
    refuse_while_rolling_out,
)
from chatapp.inference.services.states import hold_states, refuse_withdrawn


@transaction.atomic
def start_rollout(
    *,
    user: User | None,
    route: Route | str,
    kind: str,
    candidate: ModelVersion,
    stages: Sequence[Mapping[str, Any]] | None = None,
    guards: Mapping[str, Any] | None = None,
    alpha: float = 0.05,
    pilot_group: Group | str | None = None,
    has_pilot: bool | None = None,
    reason: str = "",
    override: str = "",
) -> Rollout:
    """The candidate takes the first stage's share of the route's users from the next claim on.

    `override` says why a candidate without a passed gate may begin. `pilot_group`, or its name, meets the candidate
    first, and with `has_pilot` those who asked to try new models do; a canary has that unless told otherwise.
    A shadow rollout answers nobody and needs no gate.
    Raises ChatappError: forbidden, model_unavailable (no such route), rollout_running, not_evaluated, invalid.
    """
    if user is not None:
        require(user, "inference.manage_rollout")
    reason, override = checked_reason(reason), checked_reason(override)
    name = route if isinstance(route, str) else route.name
    locked = lock_route(name)
    refuse_while_rolling_out(locked)
    plan = parse_stages(kind, stages)
    _check_candidate(locked, candidate)
    group = _checked_pilot(kind, pilot_group, has_pilot=bool(has_pilot))
    hold_states([candidate])
    if kind == RolloutKind.SHADOW:
        refuse_withdrawn(candidate)
    else:
        admit(user=user, version=candidate, override=override)
    require_served(candidate)
    rollout = Rollout.objects.create(
        route=locked,
        kind=kind,
        baseline=locked.version,
        candidate=candidate,
        stages=plan,
        stage_started_at=timezone.now(),
        guards=parse_guards(DEFAULT_GUARDS if guards is None else guards),
        alpha=check_alpha(alpha),
        pilot_group=group,
        has_pilot=kind == RolloutKind.CANARY if has_pilot is None else has_pilot,
        reason=reason,
        override_reason=override,
        started_by=user,
    )
    Route.objects.filter(pk=name).update(rollout=rollout)
    give_share(rollout)
    try_again(actor=user, version=candidate)
    return _record(rollout, "inference.rollout_started", user=user, before=0.0, reason=reason)


@transaction.atomic
def advance_rollout(
    *,
    user: User | None,
    rollout: Rollout,
    reason: str = "",
    figures: Figures = None,
    from_stage: int | None = None,
) -> Rollout:
    """To the next stage. The judge advances no rollout that is held.

    Raises ChatappError: forbidden; rollout_state when it is over, or held; changed_meanwhile when it has left
    `from_stage` (counted from 0), or else the stage in which `rollout` was read; invalid when this is its last stage.
    """
    locked = lock_rollout(user, rollout, *_movable(user))
    if locked.stage != (rollout.stage if from_stage is None else from_stage):
        raise ChatappError("changed_meanwhile")
    if locked.stage + 1 >= len(locked.stages):
        raise ChatappError("invalid", detail="this is the last stage. Complete the rollout, or roll it back.")
    before = locked.share
    locked.stage, locked.stage_started_at = locked.stage + 1, timezone.now()
    locked.save(update_fields=["stage", "stage_started_at"])
    give_share(locked)
    return _record(locked, "inference.rollout_advanced", user=user, before=before, reason=reason, figures=figures)


@transaction.atomic
def hold_rollout(*, user: User | None, rollout: Rollout, reason: str = "", figures: Figures = None) -> Rollout:
    """It keeps its share until a person resumes it or moves it; its guards go on.

    Raises ChatappError: forbidden, rollout_state.
    """
    locked = lock_rollout(user, rollout, RolloutState.RUNNING)
    locked.state = RolloutState.HELD
    locked.save(update_fields=["state"])
    return _record(locked, "inference.rollout_held", user=user, before=locked.share, reason=reason, figures=figures)


@transaction.atomic
def resume_rollout(*, user: User | None, rollout: Rollout, reason: str = "") -> Rollout:
    """The time in its stage counts from now. Raises ChatappError: forbidden, rollout_state."""
    locked = lock_rollout(user, rollout, RolloutState.HELD)
    locked.state, locked.stage_started_at = RolloutState.RUNNING, timezone.now()
    locked.save(update_fields=["state", "stage_started_at"])
    return _record(locked, "inference.rollout_resumed", user=user, before=locked.share, reason=reason)


@transaction.atomic
def roll_back_rollout(*, user: User | None, rollout: Rollout, reason: str = "", figures: Figures = None) -> Rollout:
    """The baseline answers everything that is not claimed yet; running answers of the candidate go on.

    Raises ChatappError: forbidden, rollout_state.
    """
    locked, before = _end(user, rollout, RolloutState.ROLLED_BACK)
    return _record(locked, "inference.rollout_rolled_back", user=user, before=before, reason=reason, figures=figures)


@transaction.atomic
def end_rollout(*, user: User | None, rollout: Rollout, reason: str = "", figures: Figures = None) -> Rollout:
    """Over without a winner, as A/B and shadow rollouts end: the baseline goes on.

    Raises ChatappError: forbidden, rollout_state.
    """
    locked, before = _end(user, rollout, RolloutState.ENDED)
    return _record(locked, "inference.rollout_ended", user=user, before=before, reason=reason, figures=figures)


@transaction.atomic
def complete_rollout(*, user: User | None, rollout: Rollout, reason: str = "", figures: Figures = None) -> Rollout:
    """The candidate is the route's version from now on. The judge completes no rollout that is held.

    Raises ChatappError: forbidden, rollout_state, invalid for a shadow rollout: its candidate has answered nobody.
    """
    locked = lock_rollout(user, rollout, *_movable(user))
    if locked.kind == RolloutKind.SHADOW:
        raise ChatappError("invalid", detail="a shadow rollout is ended; a canary brings its candidate to people.")
    before = locked.share
    end(locked, RolloutState.COMPLETED)
    Route.objects.filter(pk=locked.route_id).update(version=locked.candidate, updated_by=user)
    settle_states(user=user, gone=[locked.baseline], come=[locked.candidate])
    return _record(locked, "inference.rollout_completed", user=user, before=before, reason=reason, figures=figures)


def _end(user: User | None, rollout: Rollout, state: RolloutState) -> tuple[Rollout, float]:
    """With the share that it had."""
    locked = lock_rollout(user, rollout, *LIVE_ROLLOUT)
    before = locked.share
    end(locked, state)
    settle_states(user=user, gone=[locked.candidate], come=[])
    return locked, before


def _movable(user: User | None) -> tuple[RolloutState, ...]:
    return (RolloutState.RUNNING,) if user is None else LIVE_ROLLOUT


def _check_candidate(route: Route, candidate: ModelVersion) -> None:
    problems = [
        (candidate.id == route.version_id, f"{candidate.name} is the version of the route {route.name} already."),
        (not candidate.writes, f"{candidate.name} judges texts and answers no questions."),
        (
            not routing.allowed(route, candidate),
            f"text sent to {candidate.name} leaves the company, which the route {route.name} does not allow.",
        ),
        (
            RouteArm.objects.filter(route=route).exists(),
            f"the route {route.name} shares its users between arms. Take these away first.",
        ),
    ]
    for wrong, sentence in problems:
        if wrong:
            raise ChatappError("invalid", detail=sentence)


def _checked_pilot(kind: str, group: Group | str | None, *, has_pilot: bool) -> Group | None:
    """Who comes first by choice is no fair half of an A/B test."""
    if kind != RolloutKind.CANARY and (group or has_pilot):
        raise ChatappError("invalid", detail="only a canary has a pilot phase.")
    if not isinstance(group, str):
        return group
    found = Group.objects.filter(name=group).first() if "\0" not in group else None
    if group and found is None:
        raise ChatappError("invalid", detail="there is no group of that name.")
    return found


def _record(
    rollout: Rollout, action: str, *, user: User | None, before: float, reason: str, figures: Figures = None
) -> Rollout:
    reason = checked_reason(reason)
    step = RolloutAction(action.removeprefix("inference.rollout_"))
    add_step(rollout, step, actor=user, share_before=before, reason=reason, figures=figures)
    record_event(
        actor=user,
        action=action,
        obj=rollout,
        detail=describe(rollout),
        before={"share": before},
        after={"share": rollout.share, "state": str(rollout.state)},
        reason=reason,
    )
    return rollout
