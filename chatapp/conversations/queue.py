"""The queue of record: where a queued generation stands, and the claim that takes the next one."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Avg, Q, Sum
from django.db.models.functions import Now

from chatapp.conversations.models import Generation, Status
from chatapp.errors import ChatappError
from chatapp.inference.models import AnswerOutcome, Worker, WorkerKind
from chatapp.inference.selectors import WORKER_ALIVE

# Fair between users first (who has fewer running answers), then oldest first. SKIP LOCKED: workers never wait
# for each other. The version is resolved here, so that a switch of the route reaches everything still queued.
_CLAIM = """
UPDATE conversations_generation AS claimed
SET status = 'answering', attempt = attempt + 1, lease_owner = %(worker)s, claimed_at = now(),
    lease_until = now() + make_interval(secs => %(lease)s), version_id = next.resolved, checkpoint = '',
    checkpoint_seq = 0
FROM (
    SELECT queued.id, COALESCE(queued.version_id, route.version_id) AS resolved
    FROM conversations_generation AS queued
    JOIN inference_route AS route ON route.name = queued.route_id
    WHERE queued.status = 'queued' AND queued.deadline_at > now()
      AND COALESCE(queued.version_id, route.version_id) = ANY(%(versions)s)
    ORDER BY queued.priority,
      (SELECT count(*) FROM conversations_generation AS running
       WHERE running.status = 'answering' AND running.user_id = queued.user_id),
      queued.created_at
    LIMIT 1
    FOR UPDATE OF queued SKIP LOCKED
) AS next
WHERE claimed.id = next.id
RETURNING claimed.id
"""


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """`position` counts from 1; `wait_seconds` is None while no recent answer tells how long one takes."""

    position: int
    wait_seconds: int | None


def claim_next(*, worker: str, version_ids: Sequence[UUID]) -> Generation | None:
    """Takes the next generation that one of these versions may answer, with a lease of LEASE_SECONDS."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {"worker": worker, "lease": settings.LEASE_SECONDS, "versions": list(version_ids)},
        )
        row = cursor.fetchone()
    if row is None:
        return None
    return Generation.objects.select_related("message__conversation", "version", "fallback_from", "user").get(id=row[0])


def has_queued() -> bool:
    return Generation.objects.filter(status=Status.QUEUED).exists()


def find_place(generation: Generation) -> QueuePlace | None:
    """None unless the generation is queued."""
    if generation.status != Status.QUEUED:
        return None
    ahead = Generation.objects.filter(
        Q(priority__lt=generation.priority) | Q(priority=generation.priority, created_at__lt=generation.created_at),
        status=Status.QUEUED,
        route_id=generation.route_id,
    ).count()
    return QueuePlace(position=ahead + 1, wait_seconds=_expected_wait(ahead + 1))


def refuse_when_full() -> None:
    """Raises ChatappError("queue_full") with the expected wait."""
    waiting = Generation.objects.filter(status=Status.QUEUED).count()
    if waiting >= settings.QUEUE_MAX_GENERATIONS:
        raise ChatappError("queue_full", seconds=_expected_wait(waiting) or 30)


def _expected_wait(position: int) -> int | None:
    recent = AnswerOutcome.objects.order_by("-created_at").values("duration_seconds")[:20]
    seconds = recent.aggregate(mean=Avg("duration_seconds"))["mean"]
    alive = Worker.objects.filter(kind=WorkerKind.INFERENCE, seen_at__gt=Now() - WORKER_ALIVE)
    slots = alive.aggregate(total=Sum("slots"))["total"]
    if seconds is None or not slots:
        return None
    return int(max(1, round(seconds * position / slots)))
