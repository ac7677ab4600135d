"""An answer goes from a version that cannot write it to the next of its route, or to the safe answer."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from chatapp.conversations import events
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.services.generations import FinishedAnswer
from chatapp.inference import routing
from chatapp.inference.models import ModelVersion
from chatapp.inference.selectors import load_route


def find_fallback(generation: Generation) -> ModelVersion | None:
    """What comes after the generation's version; None at the end, and when the caller named the version."""
    if generation.is_pinned or generation.version is None:
        return None
    route = load_route(generation.route_id)
    first = generation.fallback_from or generation.version
    tried = routing.tried_before(route, started_from=first, version=generation.version)
    return routing.next_fallback(route, tried=tried, started_from=first)


def fall_back(generation: Generation, version: ModelVersion) -> bool:
    """The same attempt goes on with `version`. False when its lease is lost."""
    first = generation.fallback_from or generation.version
    mine = Generation.objects.filter(id=generation.id, attempt=generation.attempt, status=Status.ANSWERING)
    until = Now() + timedelta(seconds=settings.LEASE_SECONDS)
    generation.version, generation.fallback_from = version, first
    return bool(mine.update(version=version, fallback_from=first, lease_until=until))


def hand_over(generation: Generation, version: ModelVersion) -> None:
    """Queues the generation again for a worker that serves `version`; no worker was lost by that."""
    with transaction.atomic():
        if fall_back(generation, version):
            Generation.objects.filter(id=generation.id).update(
                status=Status.QUEUED, lease_owner="", lease_until=None, checkpoint="", checkpoint_seq=0
            )
            transaction.on_commit(events.wake_workers)


def safe_ending(generation: Generation) -> FinishedAnswer:
    """No version can answer: what the route says then, kept as the answer's text."""
    text = routing.safe_answer(load_route(generation.route_id))
    return FinishedAnswer(status=Status.FAILED, text=text, error_code="no_model", finish_reason="error")
