"""What a person decides on a version's life: rejected, retired, taken back."""

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.inference.models import (
    LIVE_ROLLOUT,
    ModelVersion,
    Rollout,
    RouteArm,
    RouteFallback,
    RouteRule,
    VersionState,
)
from chatapp.inference.services.downloads import queue_download
from chatapp.inference.services.states import change_state
from chatapp.inference.services.versions import MAX_CARD
from chatapp.inference.uses import list_uses

_LONGEST_REASON = 500


def reject_version(*, user: User | None, version: ModelVersion, reason: str) -> None:
    """It is not to answer anybody, for that reason. Raises ChatappError: forbidden, invalid, version_used."""
    if not reason.strip():
        raise ChatappError("invalid", detail="a version is rejected for a reason: write one.")
    _close(user=user, version=version, state=VersionState.REJECTED, reason=reason)


def retire_version(*, user: User | None, version: ModelVersion, reason: str = "") -> None:
    """It has served its time. Raises ChatappError as `reject_version`."""
    _close(user=user, version=version, state=VersionState.RETIRED, reason=reason)


@transaction.atomic
def restore_version(*, user: User | None, version: ModelVersion, reason: str = "") -> None:
    """A retired version counts as evaluated again; a rejected one is a draft that is looked at anew.

    Raises ChatappError: forbidden; invalid for a version that is neither.
    """
    if user is not None:
        require(user, "inference.register_version", version)
    if version.state not in {VersionState.RETIRED, VersionState.REJECTED}:
        raise ChatappError("invalid", detail=f"{version.name} is neither retired nor rejected.")
    was_retired = version.state == VersionState.RETIRED
    state = VersionState.EVALUATED if was_retired else VersionState.DRAFT
    change_state(user=user, version=version, state=state, reason=_checked(reason))
    if not was_retired:
        queue_download(version, user=user)


@transaction.atomic
def describe_version(*, user: User | None, version: ModelVersion, card: str) -> None:
    """What is said of it may be written anew, what it is not. Raises ChatappError: forbidden, invalid."""
    if user is not None:
        require(user, "inference.register_version", version)
    text = card.replace("\r\n", "\n").strip()
    if len(text) > MAX_CARD or "\0" in text:
        raise ChatappError("invalid", detail=f"a card has at most {MAX_CARD:,} characters.")
    if text == version.card:
        return
    ModelVersion.objects.filter(pk=version.pk).update(card=text)
    record_event(actor=user, action="inference.card_changed", obj=version, detail={"name": version.name})
    version.card = text


@transaction.atomic
def _close(*, user: User | None, version: ModelVersion, state: VersionState, reason: str) -> None:
    if user is not None:
        require(user, "inference.register_version", version)
    ModelVersion.objects.select_for_update().get(pk=version.pk)
    places = list_places(version)
    if places:
        raise ChatappError("version_used", name=version.name, places=", ".join(places))
    change_state(user=user, version=version, state=state, reason=_checked(reason))


def list_places(version: ModelVersion) -> list[str]:
    """The routes that name it in any way, those on which a rollout tries it or compares with it, and `list_uses`."""
    routes = set(version.routes.values_list("name", flat=True))
    for table in (RouteArm, RouteRule, RouteFallback):
        routes |= set(table.objects.filter(version=version).values_list("route_id", flat=True))
    live = Rollout.objects.filter(state__in=LIVE_ROLLOUT)
    rollouts = live.filter(candidate=version) | live.filter(baseline=version)
    routes |= set(rollouts.values_list("route_id", flat=True))
    return [*(f"route {name}" for name in sorted(routes)), *list_uses(version)]


def _checked(reason: str) -> str:
    text = " ".join(reason.split())
    if len(text) > _LONGEST_REASON or "\0" in text:
        raise ChatappError("invalid", detail=f"a reason has at most {_LONGEST_REASON} characters.")
    return text
