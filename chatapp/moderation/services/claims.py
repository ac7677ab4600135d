"""A claim is a lease: of two reviewers one gets the flag, and none is stuck with a person who went home."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can, require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.moderation.models import Flag, FlagStatus
from chatapp.moderation.selectors import (
    DECIDED,
    NO_FILTER,
    FlagFilter,
    by_urgency,
    free_for,
    get_flag_for,
    list_flags_for,
)

CLAIM_LEASE = timedelta(minutes=15)
MAX_AT_ONCE = 100


@transaction.atomic
def claim_flag(*, user: User, flag_id: UUID) -> Flag:
    """Takes the flag for 15 minutes; claiming it again renews.

    Raises ChatappError: not_found, forbidden, flag_taken, flag_decided, flag_not_yours.
    """
    get_flag_for(user, flag_id)
    require(user, "moderation.review_flag")
    # Locked first: the second of two claims looks only after the first one's commit.
    flag = Flag.objects.select_for_update().get(id=flag_id)
    if flag.queue == FlagStatus.ESCALATED and flag.status not in DECIDED:
        require(user, "moderation.decide_escalated", flag)
    if not _take(user, [flag_id]):
        raise refusal(get_flag_for(user, flag_id), user)
    return get_flag_for(user, flag_id)


@transaction.atomic
def claim_next_flag(*, user: User, narrowed: FlagFilter = NO_FILTER) -> Flag | None:
    """The most urgent free flag that this user may decide; None when there is none. Flags in hand are passed over.

    Raises ChatappError: not_found, invalid (a wrong filter).
    """
    if not can(user, "moderation.review_flag"):
        raise ChatappError("not_found")
    free = list_flags_for(user, "waiting", narrowed=narrowed).exclude(status=FlagStatus.CLAIMED, claimed_by=user)
    first = _locked(by_urgency(free)).first()
    # Looked at once more, now that it is locked: this reviewer may have decided on it in another tab meanwhile.
    if first is None or not _take(user, [first.id]):
        return None
    return get_flag_for(user, first.id)


@transaction.atomic
def claim_alike(*, user: User, flag_id: UUID) -> list[Flag]:
    """Takes a flag and its free look-alikes of the same queue, 100 at most; the flag itself is the first.

    Raises ChatappError as `claim_flag` does.
    """
    flag = claim_flag(user=user, flag_id=flag_id)
    if not flag.fingerprint:
        return [flag]
    alike = list_flags_for(user, "waiting").filter(fingerprint=flag.fingerprint, queue=flag.queue).exclude(id=flag.id)
    taken = _take(user, [other.id for other in _locked(by_urgency(alike))[: MAX_AT_ONCE - 1]])
    return [flag, *list_flags_for(user, "mine").filter(id__in=taken)]


@transaction.atomic
def claim_flags(*, user: User, flag_ids: Iterable[UUID]) -> list[Flag]:
    """Those of them that are free for this user; the others are left out. Raises ChatappError("invalid")."""
    wanted = list(dict.fromkeys(flag_ids))
    if len(wanted) > MAX_AT_ONCE:
        raise ChatappError("invalid", detail=f"{len(wanted)} flags are chosen; the limit is {MAX_AT_ONCE}.")
    chosen = list_flags_for(user, "waiting").filter(id__in=wanted)
    taken = _take(user, [flag.id for flag in _locked(by_urgency(chosen))])
    return list(list_flags_for(user, "mine").filter(id__in=taken))


def renew_claim(*, user: User, flag_id: UUID) -> Flag:
    """While the flag is open on the reviewer's page. One that ran out goes on if nobody took over.

    Raises ChatappError: not_found, flag_taken, flag_decided, flag_unclaimed.
    """
    get_flag_for(user, flag_id)
    claimed = Flag.objects.filter(id=flag_id, status=FlagStatus.CLAIMED, claimed_by=user)
    renewed = claimed.update(claimed_until=Now() + CLAIM_LEASE)
    flag = get_flag_for(user, flag_id)
    if not renewed:
        raise refusal(flag, user)
    return flag


def refusal(flag: Flag, user: User) -> ChatappError:
    """Why a flag is not this user's to decide."""
    if flag.status in DECIDED:
        return ChatappError("flag_decided")
    if flag.status == FlagStatus.CLAIMED and flag.claimed_by_id != user.pk:
        return ChatappError("flag_taken", name=flag.claimed_by.get_username() if flag.claimed_by else "Somebody else")
    if not list_flags_for(user, "waiting").filter(id=flag.id).exists():
        return ChatappError("flag_not_yours")
    return ChatappError("flag_unclaimed")


def _locked(flags: QuerySet[Flag]) -> QuerySet[Flag]:
    """Those that nobody else is about to claim or decide; what pages show beside them is not read."""
    return flags.select_related(None).select_for_update(skip_locked=True, of=("self",))


def _take(user: User, flag_ids: list[UUID]) -> list[UUID]:
    """Of flags that are locked: claims those that are free, and says which."""
    free = list(Flag.objects.filter(free_for(user), id__in=flag_ids).values_list("id", flat=True))
    Flag.objects.filter(id__in=free).update(
        status=FlagStatus.CLAIMED, claimed_by=user, claimed_until=Now() + CLAIM_LEASE
    )
    for flag in Flag.objects.filter(id__in=free):
        record_event(actor=user, action="moderation.flag_claimed", obj=flag)
    return free
