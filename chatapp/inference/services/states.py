"""The life of a version: each step is checked, kept with who and why, and audited."""

from collections.abc import Collection, Mapping

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.inference.models import PAST_GATE, ModelVersion, Provider, VersionChange, VersionState

_DRAFT, _VERIFIED, _EVALUATED = VersionState.DRAFT, VersionState.VERIFIED, VersionState.EVALUATED
_SERVING, _RETIRED, _REJECTED = VersionState.SERVING, VersionState.RETIRED, VersionState.REJECTED
# What may follow what. Serving without a passed gate is an override: `require_evaluated` asks for its reason.
STEPS: Mapping[str, Collection[str]] = {
    _DRAFT: (_VERIFIED, _EVALUATED, _SERVING, _REJECTED),
    _VERIFIED: (_EVALUATED, _SERVING, _REJECTED, _DRAFT),
    _EVALUATED: (_SERVING, _RETIRED, _REJECTED, _VERIFIED),
    _SERVING: (_EVALUATED, _RETIRED),
    _RETIRED: (_SERVING, _EVALUATED),
    _REJECTED: (_DRAFT, _VERIFIED),
}


@transaction.atomic
def change_state(*, user: User | None, version: ModelVersion, state: VersionState, reason: str = "") -> bool:
    """The caller has checked the right. False when it has that state already.

    Raises ChatappError("invalid") for a step that there is none.
    """
    known = ModelVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
    before = known.state
    if before == state:
        version.state = state
        return False
    if state not in STEPS[before]:
        raise ChatappError("invalid", detail=f"{version.name} is {before} and cannot become {state}.")
    ModelVersion.objects.filter(pk=version.pk).update(state=state)
    version.state = state
    VersionChange.objects.create(version=version, before=before, after=state, actor=user, reason=reason)
    record_event(
        actor=user,
        action="inference.version_state_changed",
        obj=version,
        detail={"name": version.name, "reason": reason},
        before={"state": before},
        after={"state": str(state)},
    )
    return True


def hold_states(versions: Collection[ModelVersion]) -> None:
    """They have the states of this moment until the transaction ends: nobody retires what is about to be named.

    Locked by id, so that two changes of routes that swap versions do not wait for each other.
    """
    rows = ModelVersion.objects.select_for_update(no_key=True).order_by("pk")
    found = dict(rows.filter(pk__in=[version.pk for version in versions]).values_list("pk", "state"))
    for version in versions:
        version.state = found[version.pk]


def require_evaluated(version: ModelVersion, *, override: str = "") -> None:
    """Before a version gets traffic: it has passed a gate, or somebody says why it may go without (`override`).

    Raises ChatappError: not_evaluated; invalid for a version that was rejected or is retired.
    """
    refuse_withdrawn(version)
    if version.provider == Provider.LLAMA_CPP and not version.sha256:
        raise ChatappError("invalid", detail=f"the weights of {version.name} are not here yet.")
    if version.state not in PAST_GATE and not override.strip():
        raise ChatappError("not_evaluated", name=version.name)


def refuse_withdrawn(version: ModelVersion) -> None:
    """Raises ChatappError("invalid") for a version that was rejected or is retired: nothing names it anew."""
    if version.state == _REJECTED:
        raise ChatappError("invalid", detail=f"{version.name} was rejected.")
    if version.state == _RETIRED:
        raise ChatappError("invalid", detail=f"{version.name} is retired.")
