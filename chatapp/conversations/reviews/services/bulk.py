"""One decision for many flags: each gets its own decision and its own audit event, all or none of them."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.conversations.reviews.services.decisions import decide_flag, undo_decision
from chatapp.errors import ChatappError
from chatapp.moderation.effects import possible_effects
from chatapp.moderation.models import Flag
from chatapp.moderation.services import claim_alike, claim_flags
from chatapp.moderation.services.claims import MAX_AT_ONCE


@transaction.atomic
def decide_alike(
    *, user: User, flag_id: UUID, decision: str, reason_code: str = "", reason: str, effects: Sequence[str] = ()
) -> list[Flag]:
    """The flag and its free look-alikes, 100 at most; those that another reviewer holds are left.

    An effect that makes no sense for a look-alike is left out there. Raises ChatappError as `decide_flag` does.
    """
    first, *others = claim_alike(user=user, flag_id=flag_id)
    given = {"decision": decision, "reason_code": reason_code, "reason": reason}
    decided = decide_flag(user=user, flag_id=first.id, effects=effects, **given)
    return [decided, *_decide_each(user, others, effects, **given)]


@transaction.atomic
def decide_flags(
    *,
    user: User,
    flag_ids: Iterable[UUID],
    decision: str,
    reason_code: str = "",
    reason: str,
    effects: Sequence[str] = (),
) -> list[Flag]:
    """Those of them that are free, 100 at most. Raises ChatappError as `decide_flag` does."""
    flags = claim_flags(user=user, flag_ids=flag_ids)
    return _decide_each(user, flags, effects, decision=decision, reason_code=reason_code, reason=reason)


@transaction.atomic
def undo_decisions(*, user: User, flag_ids: Iterable[UUID]) -> list[Flag]:
    """All or none. Raises ChatappError as `undo_decision` does, and "invalid" for more than 100."""
    wanted = sorted(set(flag_ids))
    if len(wanted) > MAX_AT_ONCE:
        raise ChatappError("invalid", detail=f"{len(wanted)} flags are chosen; the limit is {MAX_AT_ONCE}.")
    return [undo_decision(user=user, flag_id=flag_id) for flag_id in wanted]


def _decide_each(user: User, flags: list[Flag], effects: Sequence[str], *, decision: str, **given: str) -> list[Flag]:
    return [
        decide_flag(
            user=user,
            flag_id=flag.id,
            decision=decision,
            effects=[effect for effect in effects if effect in possible_effects(flag, decision)],
            **given,
        )
        for flag in flags
    ]
