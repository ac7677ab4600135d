"""Decisions on flags and their undoing. What a decision does to an answer is done by `conversations`."""

from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.moderation.effects import check_effects
from chatapp.moderation.models import Flag, FlagDecision, FlagStatus, Severity
from chatapp.moderation.reasons import MAX_REASON_CHARACTERS, check_reason, sentence_of
from chatapp.moderation.selectors import get_flag_for, last_decision, may_undo
from chatapp.moderation.selectors.flags import RANKS
from chatapp.moderation.services.claims import CLAIM_LEASE, refusal

FINAL = {"uphold": FlagStatus.UPHELD, "dismiss": FlagStatus.DISMISSED}
UNDO = "undo"


@transaction.atomic
def decide_flag(
    *, user: User, flag_id: UUID, decision: str, reason_code: str = "", reason: str, effects: Iterable[str] = ()
) -> Flag:
    """`decision` is uphold, dismiss or escalate. A claim that ran out still counts if nobody took over.

    The first decision on a severe flag sends it to a second reviewer, whose decision is final. An escalated flag is
    decided by somebody who may. Raises ChatappError: not_found, forbidden, invalid, flag_unclaimed, flag_taken,
    flag_decided, flag_not_yours.
    """
    get_flag_for(user, flag_id)
    require(user, "moderation.review_flag")
    code, words = check_reason(decision, reason_code, reason)
    locked = Flag.objects.select_for_update().get(id=flag_id)
    flag = get_flag_for(user, flag_id)
    if locked.status != FlagStatus.CLAIMED or locked.claimed_by_id != user.pk:
        raise refusal(flag, user)
    if flag.queue == FlagStatus.ESCALATED:
        require(user, "moderation.decide_escalated", flag)
    status = _status_after(flag, decision)
    made = FlagDecision.objects.create(
        flag=flag,
        actor=user,
        decision=decision,
        queue=flag.queue,
        reason_code=code,
        reason=words,
        effects=check_effects(flag, decision, effects),
    )
    is_final = status in FINAL.values()
    Flag.objects.filter(id=flag_id).update(
        status=status,
        queue=flag.queue if is_final else status,
        claimed_by=user if is_final else None,
        claimed_until=None,
        decided_by=user if is_final else None,
        decided_at=Now() if is_final else None,
        reason=sentence_of(decision, code, words)[:MAX_REASON_CHARACTERS] if is_final else "",
    )
    record_event(
        actor=user,
        action="moderation.flag_decided",
        obj=flag,
        detail={"decision": decision, "reason_code": code, "effects": made.effects},
        before={"status": flag.queue},
        after={"status": status.value},
    )
    return get_flag_for(user, flag_id)


@transaction.atomic
def undo_decision(*, user: User, flag_id: UUID) -> FlagDecision:
    """Takes the last decision back: one's own for ten minutes, anybody's by those who decide escalated flags.

    The flag goes back to the queue that it came from, to its own decider claimed. Returns the undo; `undoes` is what
    it takes back. Raises ChatappError: not_found, undo_over, flag_taken.
    """
    get_flag_for(user, flag_id)
    flag = Flag.objects.select_for_update().get(id=flag_id)
    last = last_decision(flag)
    if last is None or not may_undo(user, last):
        raise ChatappError("undo_over")
    is_own = last.actor_id == user.pk
    if flag.status == FlagStatus.CLAIMED and flag.claimed_until and flag.claimed_until > timezone.now():
        raise refusal(get_flag_for(user, flag_id), user) if flag.claimed_by_id != user.pk else ChatappError("undo_over")
    undo = FlagDecision.objects.create(flag=flag, actor=user, decision=UNDO, queue=flag.queue, undoes=last)
    Flag.objects.filter(id=flag_id).update(
        status=FlagStatus.CLAIMED if is_own else last.queue,
        queue=last.queue,
        claimed_by=user if is_own else None,
        claimed_until=Now() + CLAIM_LEASE if is_own else None,
        decided_by=None,
        decided_at=None,
        reason="",
    )
    record_event(
        actor=user,
        action="moderation.decision_undone",
        obj=flag,
        detail={"decision": last.decision, "by": last.actor.username if last.actor else ""},
        before={"status": flag.status},
        after={"status": last.queue},
    )
    return undo


def _status_after(flag: Flag, decision: str) -> FlagStatus:
    if decision == "escalate":
        if flag.queue == FlagStatus.ESCALATED:
            raise ChatappError("invalid", detail="this flag is escalated already: uphold or dismiss it.")
        return FlagStatus.ESCALATED
    return FlagStatus.SECOND if flag.queue == FlagStatus.OPEN and _needs_second(flag.severity) else FINAL[decision]


def _needs_second(severity: str) -> bool:
    least = settings.SECOND_REVIEW_SEVERITY
    return bool(least) and RANKS[Severity(severity)] <= RANKS[Severity(least)]
