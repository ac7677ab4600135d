"""Whether one more question may wait: a full queue says so at once."""

from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q

from chatapp.conversations.models import Generation, Status
from chatapp.conversations.queue.places import find_places
from chatapp.errors import ChatappError
from chatapp.metrics import count_fault

_UNKNOWN_WAIT_SECONDS = 30


def refuse_when_full(*, user_id: UUID, conversation_id: UUID | None) -> None:
    """Raises ChatappError: queue_full, user_queue_full, both with the expected wait; conversation_full."""
    queued = Generation.objects.filter(status=Status.QUEUED)
    mine = Q(user_id=user_id)
    waiting = queued.aggregate(
        all=Count("id"),
        mine=Count("id", filter=mine),
        here=Count("id", filter=mine & Q(message__conversation_id=conversation_id)),
    )
    if waiting["all"] >= settings.QUEUE_MAX_GENERATIONS:
        count_fault("queue_full")
        raise ChatappError("queue_full", seconds=_longest_wait(Q()))
    if waiting["mine"] >= settings.USER_MAX_QUEUED:
        count_fault("queue_full")
        raise ChatappError("user_queue_full", limit=settings.USER_MAX_QUEUED, seconds=_longest_wait(mine))
    if waiting["here"] >= settings.CONVERSATION_MAX_QUEUED:
        raise ChatappError("conversation_full", limit=settings.CONVERSATION_MAX_QUEUED)


def _longest_wait(whose: Q) -> int:
    """Until what waits there now has begun, as far as can be told."""
    waiting = Generation.objects.filter(whose, status=Status.QUEUED).values_list("id", flat=True)
    places = find_places(set(waiting)).values()
    return max((place.wait_seconds for place in places if place.wait_seconds), default=_UNKNOWN_WAIT_SECONDS)
