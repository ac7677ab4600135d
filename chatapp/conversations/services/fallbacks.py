"""An answer goes from a version that cannot write it to the next of its route, or to the safe answer.

A version fails in a worker's hands (`fall_back`, `hand_over`), or no worker has it (`rescue_stranded`, of the sweeper).
"""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from chatapp.conversations import events
from chatapp.conversations.models import NO_MODEL, Generation, Status
from chatapp.conversations.queue import list_stranded
from chatapp.conversations.services.generations import FinishedAnswer, end_generation, held_row, record_aftermath
from chatapp.inference import routing
from chatapp.inference.models import ModelVersion, Route
from chatapp.inference.selectors import list_served_versions, load_route

# Longer than a worker takes to come back after a restart of its process; known problems are not waited out.
STRANDED_AFTER = timedelta(seconds=20)


def find_fallback(generation: Generation) -> ModelVersion | None:
    """What comes after the generation's version; None at the end, and when the caller named the version."""
    return None if generation.is_pinned else _next_version(generation, load_route(generation.route_id))


def _next_version(generation: Generation, route: Route) -> ModelVersion | None:
    if generation.is_pinned or generation.version is None:
        return None
    first = generation.fallback_from or generation.version
    tried = routing.tried_before(route, started_from=first, version=generation.version)
    return routing.next_fallback(route, tried=tried, started_from=first, baseline=_baseline_of(generation))


def _baseline_of(generation: Generation) -> ModelVersion | None:
    """Where the draw gave it to a candidate, which is the first to fail: else the baseline would have answered."""
    rollout = generation.rollout
    if rollout is None or generation.rule_id is not None or generation.fallback_from_id is not None:
        return None
    return rollout.baseline if generation.version_id == rollout.candidate_id else None


def fall_back(generation: Generation, version: ModelVersion) -> bool:
    """The same attempt goes on with `version`. False when its lease is lost."""
    first = generation.fallback_from or generation.version
    until = Now() + timedelta(seconds=settings.LEASE_SECONDS)
    generation.version, generation.fallback_from = version, first
    return bool(held_row(generation).update(version=version, fallback_from=first, lease_until=until))


def hand_over(generation: Generation, version: ModelVersion) -> None:
    """Queues the generation again for a worker that serves `version`; no worker was lost by that."""
    with transaction.atomic():
        if fall_back(generation, version):
            Generation.objects.filter(id=generation.id).update(
                status=Status.QUEUED, lease_owner="", lease_until=None, checkpoint="", checkpoint_seq=0
            )
            transaction.on_commit(events.wake_workers)


def rescue_stranded() -> int:
    """Moves what waits for a version that no live worker serves on to the next fallback; returns how many it moved.

    While no worker is ready, as when a machine starts, everything waits: then no other version would answer either.
    """
    served = list_served_versions()
    if served is None:
        return 0
    moved = 0
    for generation_id, version_id in list_stranded(served=served, patience=STRANDED_AFTER):
        with transaction.atomic():
            queued = Generation.objects.select_for_update(skip_locked=True, of=("self",))
            rows = queued.select_related("message__parent", "user", "version", "fallback_from")
            generation = rows.filter(id=generation_id, status=Status.QUEUED).first()
            if generation is None:
                continue
            generation.version_id = version_id
            _rescue(generation, served)
        moved += 1
        record_aftermath(generation_id)
    return moved


def _rescue(generation: Generation, served: Collection[UUID]) -> None:
    first = generation.fallback_from or generation.version
    route = load_route(generation.route_id)
    while (following := _next_version(generation, route)) is not None:
        generation.version, generation.fallback_from = following, first
        if following.id in served:
            generation.save(update_fields=["version", "fallback_from"])
            transaction.on_commit(events.wake_workers)
            return
    end_generation(generation, safe_ending(generation))


def safe_ending(generation: Generation) -> FinishedAnswer:
    """No version can answer: what the route says then, kept as the answer's text."""
    text = routing.safe_answer(generation.route)
    return FinishedAnswer(status=Status.FAILED, text=text, error_code=NO_MODEL, finish_reason="error")
