"""A version gets traffic, or has none any more."""

from collections.abc import Collection

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.inference.models import PAST_GATE, ModelVersion, Route, RouteArm, VersionState
from chatapp.inference.services.states import change_state, hold_states, require_evaluated


def admit(*, user: User | None, version: ModelVersion, override: str = "") -> None:
    """Before it gets traffic. An override of a missing gate needs a right of its own, and is audited with its reason.

    The set-up (`user` is None) packages what passed its gate elsewhere, but brings back nothing that was taken away.
    Raises ChatappError: not_evaluated, forbidden, invalid for a version that was rejected or is retired.
    """
    if user is None:
        require_evaluated(version, override="set-up")
        return
    require_evaluated(version, override=override)
    if version.state not in PAST_GATE:
        require(user, "inference.override_gate", version)
        record_event(
            actor=user,
            action="inference.gate_overridden",
            obj=version,
            detail={"name": version.name, "state": version.state},
            reason=override.strip(),
        )


def settle_states(*, user: User | None, gone: Collection[ModelVersion], come: Collection[ModelVersion]) -> None:
    """After a route was written: what gets traffic serves; what gets none any more anywhere is evaluated and waits."""
    hold_states([*gone, *come])
    for version in come:
        change_state(user=user, version=version, state=VersionState.SERVING)
    for version in gone:
        if version.state == VersionState.SERVING and not _has_traffic(version):
            change_state(user=user, version=version, state=VersionState.EVALUATED)


def _has_traffic(version: ModelVersion) -> bool:
    return Route.objects.filter(version=version).exists() or RouteArm.objects.filter(version=version).exists()
