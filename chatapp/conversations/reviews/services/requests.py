from uuid import UUID

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.reviews.texts import HIDDEN
from chatapp.conversations.selectors import get_turn_for
from chatapp.conversations.services.generations import record_exchange
from chatapp.errors import ChatappError
from chatapp.moderation import services as moderation
from chatapp.moderation.models import Flag

REPORTABLE = (Status.COMPLETE, Status.STOPPED, Status.INTERRUPTED)


@transaction.atomic
def report_answer(*, user: User, message_id: UUID, reason: str, text: str = "") -> Flag:
    """Asks reviewers to look at an answer of one's own, once. The exchange is kept for them from then on.

    Raises ChatappError: not_found, not_reportable, invalid, already_reported, rate_limited.
    """
    generation = _own_answer(user, message_id)
    if generation.status not in REPORTABLE or not generation.message.text:
        raise ChatappError("not_reportable")
    record_exchange(generation, answer=generation.message.text)  # The first one stands, unless a rule has removed it.
    return moderation.report_answer(user=user, generation_id=generation.id, reason=reason, text=text)


@transaction.atomic
def appeal_answer(*, user: User, message_id: UUID, text: str) -> Flag:
    """Asks that a withheld answer be looked at again, once.

    Raises ChatappError: not_found, not_withheld, appeal_over (nothing is kept of it any more), invalid,
    already_appealed, rate_limited.
    """
    generation = _own_answer(user, message_id)
    if generation.status not in HIDDEN:
        raise ChatappError("not_withheld")
    try:
        return moderation.appeal_answer(user=user, generation_id=generation.id, text=text)
    except ChatappError as error:
        if error.code != "not_found":
            raise
        raise ChatappError("appeal_over") from error


def _own_answer(user: User, message_id: UUID) -> Generation:
    """Raises ChatappError: not_found; invalid, for a question."""
    generation = get_turn_for(user, message_id).generation
    if generation is None:
        raise ChatappError("invalid", detail="only an answer can be reported or appealed against.")
    return generation
