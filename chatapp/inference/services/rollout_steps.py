"""What all changes of a rollout share: its locks, its arm, its step and its end."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.errors import ChatappError
from chatapp.inference import routing
from chatapp.inference.models import LIVE_ROLLOUT, Rollout, RolloutAction, RolloutState, RolloutStep, Route, RouteArm

LONGEST_REASON = 500
Figures = Mapping[str, Any] | None


def lock_route(name: str) -> Route:
    """Questions go on to be stored meanwhile. Raises ChatappError("model_unavailable")."""
    route = Route.objects.select_for_update(no_key=True).filter(name=name).first()
    if route is None:
        raise ChatappError("model_unavailable")
    return route


def refuse_while_rolling_out(route: Route) -> None:
    """Raises ChatappError("rollout_running"): what a rollout compares must not change under it."""
    running = Rollout.objects.filter(route=route, state__in=LIVE_ROLLOUT).select_related("candidate").first()
    if running is not None:
        raise ChatappError("rollout_running", name=running.candidate.name, route=route.name)


def lock_rollout(user: User | None, rollout: Rollout, *states: str) -> Rollout:
    """As it is now, its route locked too.

    Raises ChatappError: forbidden; rollout_state when it is in none of `states`.
    """
    if user is not None:
        require(user, "inference.manage_rollout", rollout)
    lock_route(rollout.route_id)
    locked = (
        Rollout.objects.select_for_update(no_key=True, of=("self",))
        .select_related("baseline", "candidate")
        .get(pk=rollout.pk)
    )
    if locked.state not in states:
        raise ChatappError("rollout_state", state=locked.get_state_display().lower())
    return locked


def give_share(rollout: Rollout) -> None:
    """The arm of its route is as its state and stage say, for all that is claimed once this is committed."""
    RouteArm.objects.filter(rollout=rollout).delete()
    ends_at = round(rollout.share * routing.DRAWS / 100) if rollout.is_live else 0
    if ends_at:
        RouteArm.objects.create(
            route_id=rollout.route_id, version=rollout.candidate, starts_at=0, ends_at=ends_at, rollout=rollout
        )


def end(rollout: Rollout, state: RolloutState) -> None:
    """The route is free again."""
    rollout.state, rollout.finished_at = state, timezone.now()
    rollout.save(update_fields=["state", "finished_at"])
    give_share(rollout)
    Route.objects.filter(pk=rollout.route_id).update(rollout=None, updated_at=timezone.now())


def checked_reason(reason: str) -> str:
    """Raises ChatappError("invalid")."""
    reason = reason.strip()
    if len(reason) > LONGEST_REASON or "\0" in reason:
        raise ChatappError("invalid", detail=f"a reason is a text of at most {LONGEST_REASON} characters.")
    return reason


def add_step(
    rollout: Rollout,
    action: RolloutAction,
    *,
    actor: User | None,
    share_before: float,
    reason: str,
    figures: Figures = None,
) -> None:
    """Of its story, as its page tells it."""
    RolloutStep.objects.create(
        rollout=rollout,
        action=action,
        actor=actor,
        share_before=share_before,
        share_after=rollout.share,
        reason=reason,
        figures=None if figures is None else dict(figures),
    )


def describe(rollout: Rollout) -> dict[str, object]:
    """For the audit log: names, no ids."""
    return {
        "route": rollout.route_id,
        "kind": rollout.kind,
        "baseline": rollout.baseline.name,
        "candidate": rollout.candidate.name,
    }
