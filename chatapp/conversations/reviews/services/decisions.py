from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.services import record_event
from chatapp.conversations.reviews.services.standing import show_as_reviewed
from chatapp.conversations.reviews.words import told_of
from chatapp.moderation import services as moderation
from chatapp.moderation.effects import MASK, NOTIFY, RETRACT
from chatapp.moderation.models import Flag, FlagDecision, FlagSource
from chatapp.moderation.selectors import DECIDED, get_flag_for, last_decision

ASKED_BY_PEOPLE = (FlagSource.REPORT, FlagSource.APPEAL)


@transaction.atomic
def decide_flag(
    *, user: User, flag_id: UUID, decision: str, reason_code: str = "", reason: str, effects: Iterable[str] = ()
) -> Flag:
    """As `moderation.services.decide_flag`, with what the decision does to the answer.

    What takes text away holds at once, also where a second reviewer is still to decide; should that one dismiss the
    flag, it holds no more. A dismissed appeal is a granted one: it gives the answer back once the decision is final.
    """
    flag = moderation.decide_flag(
        user=user, flag_id=flag_id, decision=decision, reason_code=reason_code, reason=reason, effects=effects
    )
    made = last_decision(flag)
    status = _follow(user, flag)
    if made is not None:
        _notify(flag, made, status)
    return flag


@transaction.atomic
def undo_decision(*, user: User, flag_id: UUID) -> Flag:
    """Takes the last decision back, with all that it did but for notices that were read.

    Raises ChatappError: not_found, undo_over, flag_taken.
    """
    undo = moderation.undo_decision(user=user, flag_id=flag_id)
    moderation.withdraw_notices(flag=undo.flag)
    flag = get_flag_for(user, flag_id)
    _follow(user, flag)
    return flag


def _follow(user: User, flag: Flag) -> str:
    """Brings the answer to how it stands now. That it changed is an event of its own."""
    before = (flag.exchange.answer, flag.exchange.original)
    status = show_as_reviewed(flag.exchange_id)
    flag.exchange.refresh_from_db()
    if (flag.exchange.answer, flag.exchange.original) != before:
        record_event(actor=user, action="moderation.answer_changed", obj=flag, detail={"answer": status})
    return status


def _notify(flag: Flag, made: FlagDecision, status: str) -> None:
    """Whoever reported or appealed hears of the final decision.

    Others hear of one when the reviewer wants it, or when they were told otherwise before.
    """
    by_person = flag.source in ASKED_BY_PEOPLE
    person = flag.reporter if by_person else flag.exchange.user
    was_told_otherwise = not by_person and _was_told_otherwise(flag, made)
    is_due = flag.status in DECIDED if by_person else NOTIFY in made.effects or was_told_otherwise
    if person is None or not is_due:
        return
    effects = {effect for one in flag.decisions.filter(undoes=None, undone_by=None) for effect in one.effects}
    text = told_of(
        flag, status=status, effects=[effect for effect in (RETRACT, MASK) if effect in effects], code=made.reason_code
    )
    moderation.notify_employee(user=person, generation_id=flag.exchange_id, text=text, flag=flag)


def _was_told_otherwise(flag: Flag, made: FlagDecision) -> bool:
    """By a decision that was undone, or that a second reviewer has overruled. What nobody has read is withdrawn."""
    told = [one.decision for one in flag.decisions.exclude(pk=made.pk) if NOTIFY in one.effects]
    if flag.status not in DECIDED or not told or told[-1] == made.decision:
        return False
    moderation.withdraw_notices(flag=flag)
    return flag.notices.exists()
