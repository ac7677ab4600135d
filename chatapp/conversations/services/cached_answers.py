"""Which answers may be given again: see pipeline/cache.py for what makes a key."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from chatapp.conversations.models import CachedAnswer, Message


@transaction.atomic
def store_cached_answer(*, message_id: UUID, key: str) -> None:
    """The newest answer of a key counts. Does nothing when the conversation was deleted meanwhile."""
    message = Message.objects.select_for_update().filter(id=message_id).first()
    if message is None:
        return
    CachedAnswer.objects.bulk_create(
        [CachedAnswer(key=key, message=message)],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["message", "created_at"],
    )


def purge_cached_answers() -> int:
    """Removes what has expired; returns how many rows."""
    expired = CachedAnswer.objects.filter(created_at__lt=Now() - timedelta(hours=settings.ANSWER_CACHE_HOURS))
    return expired.delete()[0]
