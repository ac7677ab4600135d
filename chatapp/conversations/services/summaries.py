from uuid import UUID

from django.db import transaction

from chatapp.conversations.models import ConversationSummary, Message


@transaction.atomic
def store_summary(*, upto_id: UUID, version_id: UUID, text: str) -> None:
    """The first summary up to a message stands. Does nothing when the conversation was deleted meanwhile."""
    message = Message.objects.select_for_update().filter(id=upto_id).first()
    if message is not None:
        ConversationSummary.objects.get_or_create(upto=message, defaults={"version_id": version_id, "text": text})
