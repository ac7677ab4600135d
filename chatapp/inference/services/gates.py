"""A version gets traffic, or has none any more."""

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.inference.models import ModelVersion, Route, RouteArm, VersionState
from chatapp.inference.services.states import WAS_EVALUATED, change_state, require_evaluated


def admit(*, user: User | None, version: ModelVersion, override: str = "") -> None:
    """Before it gets traffic. An override of a missing gate needs a right of its own, and is audited with its reason.

    The set-up (`user` is None) packages what passed its gate elsewhere, but brings back nothing that was taken away.
    Raises ChatappError: not_evaluated, forbidden, invalid for a version that was rejected or is retired.
    """
    if user is None:
        require_evaluated(version, override="set-up")
        return
    require_evaluated(version, override=override)
    if version.state not in WAS_EVALUATED:
        require(user, "inference.override_gate", version)
        record_event(
            actor=user,
            action="inference.gate_overridden",
            obj=version,
            detail={"name": version.name, "state": version.state},
            reason=override.strip(),
        )


def stand_down(*, user: User | None, version: ModelVersion, reason: str = "") -> None:
    """It does not answer on a route any more: where it does so nowhere else, it is evaluated and waits."""
    if version.state != VersionState.SERVING or has_traffic(version):
        return
    change_state(user=user, version=version, state=VersionState.EVALUATED, reason=reason)


def has_traffic(version: ModelVersion) -> bool:
    """Whether a route's own version or arm is it."""
    return Route.objects.filter(version=version).exists() or RouteArm.objects.filter(version=version).exists()
