"""The queue of record: where a queued generation stands, and the claim that takes the next one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Avg, Q, Sum

from chatapp.conversations.models import Generation, Status
from chatapp.errors import ChatappError
from chatapp.inference.models import AnswerOutcome, WorkerKind
from chatapp.inference.selectors import live_workers

# Which version answers is resolved when the answer is claimed, so that a change of the route reaches everything still
# queued: the version that the caller named or a fallback put there, else that of the rule that the question met, else
# the arm that the user's draw falls in, else the route's own. The last condition is the data policy once more, though
# no route is stored that breaks it: what came by a route that keeps text in the company, or began on a version that
# does, is never claimed for one to which text leaves.
_RESOLVED = """
    FROM conversations_generation AS queued
    JOIN inference_route AS route ON route.name = queued.route_id
    LEFT JOIN inference_routerule AS rule ON rule.id = queued.rule_id
    LEFT JOIN inference_routearm AS arm
      ON arm.route_id = route.name AND queued.draw >= arm.starts_at AND queued.draw < arm.ends_at
    LEFT JOIN inference_modelversion AS began ON began.id = queued.fallback_from_id
    JOIN inference_modelversion AS version
      ON version.id = COALESCE(queued.version_id, rule.version_id, arm.version_id, route.version_id)
"""
_KEEPS_POLICY = """
    (NOT version.may_leave_company OR route.may_leave_company AND COALESCE(began.may_leave_company, true))
"""
# Fair between users first (who has fewer running answers), then oldest first. SKIP LOCKED: workers never wait
# for each other.
_CLAIM = f"""
UPDATE conversations_generation AS claimed
SET status = 'answering', attempt = attempt + 1, lease_owner = %(worker)s, claimed_at = now(),
    lease_until = now() + make_interval(secs => %(lease)s), version_id = next.resolved, checkpoint = '',
    checkpoint_seq = 0
FROM (
    SELECT queued.id, version.id AS resolved
    {_RESOLVED}
    WHERE queued.status = 'queued' AND queued.deadline_at > now() AND version.id = ANY(%(versions)s)
      AND {_KEEPS_POLICY}
    ORDER BY queued.priority,
      (SELECT count(*) FROM conversations_generation AS running
       WHERE running.status = 'answering' AND running.user_id = queued.user_id),
      queued.created_at
    LIMIT 1
    FOR UPDATE OF queued SKIP LOCKED
) AS next
WHERE claimed.id = next.id
RETURNING claimed.id
"""  # noqa: S608 - of constants
_STRANDED = f"""
SELECT queued.id, version.id
{_RESOLVED}
WHERE queued.status = 'queued' AND queued.deadline_at > now()
  AND (COALESCE(queued.claimed_at, queued.created_at) < now() - make_interval(secs => %(patience)s)
       OR EXISTS (SELECT FROM inference_versionproblem AS problem WHERE problem.version_id = version.id))
  AND NOT (version.id = ANY(%(served)s) AND {_KEEPS_POLICY})
"""  # noqa: S608 - of constants


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


def list_stranded(*, served: Collection[UUID], patience: timedelta) -> list[tuple[UUID, UUID]]:
    """Generations that wait for a version that none of `served` is, or that they may not use, each with that version.

    They have waited longer than `patience`, or it is known that the version has a problem.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STRANDED, {"served": list(served), "patience": patience.total_seconds()})
        return list(cursor.fetchall())


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
    recent = AnswerOutcome.objects.filter(is_cached=False).order_by("-created_at").values("duration_seconds")[:20]
    seconds = recent.aggregate(mean=Avg("duration_seconds"))["mean"]
    slots = live_workers(WorkerKind.INFERENCE).aggregate(total=Sum("slots"))["total"]
    if seconds is None or not slots:
        return None
    return int(max(1, round(seconds * position / slots)))
