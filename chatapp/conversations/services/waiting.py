"""What a user may do with an answer of theirs that still waits."""

from uuid import UUID

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.conversations import events
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.queue import find_places
from chatapp.conversations.selectors import get_generation_for
from chatapp.errors import ChatappError
from chatapp.inference.selectors import get_version_by_name


def switch_model(*, user: User, generation_id: UUID) -> Generation:
    """Has the smaller version of the route answer that is free now, and no other.

    Raises ChatappError: not_found, not_waiting, no_faster_model.
    """
    generation = get_generation_for(user, generation_id)
    if generation.status != Status.QUEUED:
        raise ChatappError("not_waiting")
    place = find_places([generation.id]).get(generation.id)
    if place is None or not place.faster:
        raise ChatappError("no_faster_model")
    version = get_version_by_name(place.faster)
    with transaction.atomic():
        queued = Generation.objects.filter(id=generation.id, status=Status.QUEUED)
        if not queued.update(version=version, is_pinned=True):
            raise ChatappError("not_waiting")
        transaction.on_commit(events.wake_workers)
    return get_generation_for(user, generation_id)
