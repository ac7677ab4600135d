"""A question asked of one version to measure or to compare it, by the rights of who has it asked."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations.models import Conversation, Generation, Origin, Priority
from chatapp.conversations.queue import refuse_when_full
from chatapp.conversations.services.asking import AnswerOptions, ask
from chatapp.conversations.services.generations import request_stop
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion
from chatapp.inference.selectors import is_route_name

KEPT = timedelta(days=7)


@transaction.atomic
def ask_trial(
    *,
    user: User,
    text: str,
    version: ModelVersion,
    origin: Origin = Origin.TRIAL,
    route: str = "",
    collections: Sequence[str] | None = None,
) -> Generation:
    """The whole path of an answer, for nobody who needs it: rights of `user`, policies, documents, the queue.

    Its conversation is the user's, in no list, and gone after a week. It waits behind all that people wait for, and
    counts for no rollout, alert or budget. Raises ChatappError: model_not_allowed, those of `post_message` for full
    queues and limits.
    """
    refuse_when_full(user_id=user.pk, conversation_id=None)
    conversation = Conversation.objects.create(
        owner=user,
        origin=origin,
        route_id=route if is_route_name(route) else None,
        expires_at=timezone.now() + KEPT,
    )
    options = AnswerOptions(
        version=version,
        priority=Priority.BATCH,
        collections=None if collections is None else list(collections),
    )
    return ask(conversation=conversation, parent=None, message_id=None, text=text, options=options)


def stop_trials(*, user: User | None, generation_ids: Iterable[UUID | None]) -> None:
    """Of whoever had them asked, that nobody waits for any more; what is gone already needs no stop."""
    for generation_id in generation_ids:
        if user is not None and generation_id is not None:
            with suppress(ChatappError):
                request_stop(user=user, generation_id=generation_id)
