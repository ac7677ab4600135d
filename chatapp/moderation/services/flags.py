from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.moderation.models import Flag, FlagStatus
from chatapp.moderation.selectors import DECIDED, get_flag_for

CLAIM_LEASE = timedelta(minutes=15)
DECISIONS = {"uphold": FlagStatus.UPHELD, "dismiss": FlagStatus.DISMISSED}
MAX_REASON_CHARACTERS = 1000


def open_flag(*, user: User, flag_id: UUID) -> Flag:
    """One flag with everything that a reviewer may see. To read it is an audit event; a withheld answer has its own."""
    flag = get_flag_for(user, flag_id)
    action = "moderation.original_read" if flag.exchange.original else "moderation.flag_read"
    record_event(actor=user, action=action, obj=flag)
    return flag


def record_flags_listed(*, user: User, flag_ids: Iterable[UUID]) -> None:
    """A list shows excerpts of what other people wrote."""
    listed = [str(flag_id) for flag_id in flag_ids]
    if listed:
        record_event(actor=user, action="moderation.flags_listed", detail={"flags": listed})


@transaction.atomic
def claim_flag(*, user: User, flag_id: UUID) -> Flag:
    """Takes the flag for 15 minutes; claiming it again renews. Of two reviewers at once one wins.

    Raises ChatappError: not_found, flag_taken, flag_decided.
    """
    get_flag_for(user, flag_id)
    require(user, "moderation.review_flag")
    free = Q(status=FlagStatus.OPEN) | Q(status=FlagStatus.CLAIMED) & (Q(claimed_by=user) | Q(claimed_until__lt=Now()))
    # One conditional update: the row lock makes the second of two claims see the first one's result.
    taken = Flag.objects.filter(free, id=flag_id).update(
        status=FlagStatus.CLAIMED, claimed_by=user, claimed_until=Now() + CLAIM_LEASE
    )
    flag = get_flag_for(user, flag_id)
    if not taken:
        raise _refusal(flag)
    record_event(actor=user, action="moderation.flag_claimed", obj=flag)
    return flag


@transaction.atomic
def decide_flag(*, user: User, flag_id: UUID, decision: str, reason: str) -> Flag:
    """`decision` is "uphold" or "dismiss", `reason` a sentence. A claim that ran out still counts if nobody took over.

    Raises ChatappError: not_found, invalid, flag_unclaimed, flag_taken, flag_decided.
    """
    get_flag_for(user, flag_id)
    require(user, "moderation.review_flag")
    if decision not in DECISIONS:
        raise ChatappError("invalid", detail="decision must be uphold or dismiss.")
    reason = reason.strip()
    if not reason or len(reason) > MAX_REASON_CHARACTERS or "\0" in reason:
        raise ChatappError("invalid", detail=f"give a reason of 1 to {MAX_REASON_CHARACTERS} characters.")
    decided = Flag.objects.filter(id=flag_id, status=FlagStatus.CLAIMED, claimed_by=user).update(
        status=DECISIONS[decision], decided_by=user, decided_at=Now(), claimed_until=None, reason=reason
    )
    flag = get_flag_for(user, flag_id)
    if not decided:
        raise _refusal(flag)
    record_event(
        actor=user,
        action="moderation.flag_decided",
        obj=flag,
        detail={"decision": decision},
        before={"status": FlagStatus.CLAIMED.value},
        after={"status": DECISIONS[decision].value},
    )
    return flag


def _refusal(flag: Flag) -> ChatappError:
    if flag.status in DECIDED:
        return ChatappError("flag_decided")
    if flag.status == FlagStatus.CLAIMED:
        return ChatappError("flag_taken", name=flag.claimed_by.get_username() if flag.claimed_by else "Somebody else")
    return ChatappError("flag_unclaimed")
