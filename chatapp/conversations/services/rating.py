"""Thumbs on one's own answers; what moderation keeps of them, and what rollouts judge a version by, stay in step."""

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.conversations.models import Conversation
from chatapp.conversations.selectors import RATED, get_generation_for
from chatapp.errors import ChatappError
from chatapp.inference.services import set_thumb
from chatapp.moderation.models import Feedback
from chatapp.moderation.services import give_feedback, take_back_feedback


@transaction.atomic
def rate_answer(
    *, user: User, generation_id: UUID, is_positive: bool, reasons: Collection[str] = (), text: str = ""
) -> tuple[Feedback, bool]:
    """A thumb, and with one that points down what is wrong; True when the answer had none.

    Raises ChatappError: not_found, conversation_busy (the answer still runs), feedback_no_answer, feedback_temporary,
    invalid.
    """
    generation = get_generation_for(user, generation_id)
    if generation.is_live:
        raise ChatappError("conversation_busy")
    if generation.status not in RATED:
        raise ChatappError("feedback_no_answer")
    if Conversation.objects.get(id=generation.message.conversation_id).is_temporary:
        raise ChatappError("feedback_temporary")
    given = give_feedback(user=user, generation_id=generation_id, is_positive=is_positive, reasons=reasons, text=text)
    set_thumb(generation_id=generation_id, thumb=1 if is_positive else -1)
    return given


@transaction.atomic
def withdraw_rating(*, user: User, generation_id: UUID) -> None:
    """Idempotent; also for an answer whose conversation is gone. Raises ChatappError("not_found")."""
    if take_back_feedback(user=user, generation_id=generation_id):
        set_thumb(generation_id=generation_id, thumb=0)
    else:
        get_generation_for(user, generation_id)
