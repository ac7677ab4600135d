"""What is left of a conversation when it goes: nothing but counts, and what a policy flagged."""

from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from chatapp.conversations import events
from chatapp.conversations.models import LIVE, Conversation, Generation
from chatapp.conversations.services.generations import request_stop
from chatapp.conversations.services.metering import settle_before_deletion
from chatapp.errors import ChatappError
from chatapp.holds import covers_person
from chatapp.moderation.services import forget_exchanges

EXPIRED_AT_ONCE = 200


def remove_conversation(conversation: Conversation) -> None:
    """With messages, live streams and cached answers; of a temporary one also the exchanges without a flag.

    The caller has locked the row and checked that no hold keeps it.
    """
    settle_before_deletion(conversation)
    generations = list(Generation.objects.filter(message__conversation=conversation).values_list("id", flat=True))
    for generation_id in generations:
        transaction.on_commit(partial(events.discard_stream, generation_id))
    if conversation.is_temporary:
        forget_exchanges(generation_ids=generations)
    conversation.delete()


def hide_conversation(conversation: Conversation) -> None:
    """A legal hold keeps it: its owner does not see it any more, and its live answers stop."""
    live = Generation.objects.filter(message__conversation=conversation, status__in=LIVE)
    for generation_id in list(live.values_list("id", flat=True)):
        request_stop(user=conversation.owner, generation_id=generation_id)
    conversation.deleted_at = timezone.now()
    conversation.save(update_fields=["deleted_at"])
    for generation_id in Generation.objects.filter(message__conversation=conversation).values_list("id", flat=True):
        transaction.on_commit(partial(events.discard_stream, generation_id))


def delete_expired_conversations() -> int:
    """Temporary ones whose time is over, a batch at a time; returns how many."""
    expired = Conversation.objects.filter(expires_at__lt=Now(), deleted_at=None)
    removed = 0
    for conversation_id in list(expired.order_by("expires_at").values_list("id", flat=True)[:EXPIRED_AT_ONCE]):
        with transaction.atomic():
            conversation = Conversation.objects.select_for_update(skip_locked=True).filter(id=conversation_id).first()
            if conversation is None:
                continue
            if covers_person(conversation.owner_id):
                hide_conversation(conversation)
            else:
                remove_conversation(conversation)
            removed += 1
    return removed


def refuse_temporary(user_id: UUID) -> None:
    """Raises ChatappError("temporary_off"): the company keeps everything, or a hold keeps what this person writes."""
    if settings.TEMPORARY_CHAT_HOURS <= 0 or covers_person(user_id):
        raise ChatappError("temporary_off")
