"""The claim that takes the next generation, and what waits for a version that nobody serves."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from chatapp.conversations.models import Generation, Priority, Status
from chatapp.conversations.queue.order import KEEPS_POLICY, ORDER, RESOLVED, ranked

SEAT_CONSTRAINT = "one_answer_per_seat"
# SKIP LOCKED: workers never wait for each other. Materialized: a plan that ran it once for each row of the table would
# lock another row each time, and take none. The lowest free seat of the user is taken with the generation; two
# slots that take the same one collide in the unique index, and the later of them tries again.
_CLAIM = f"""
WITH {ranked("waiting.resolved_id = ANY(%(versions)s) AND NOT waiting.follows")},
next AS MATERIALIZED (
    SELECT queued.id, ranked.resolved_id, (
        SELECT min(free.number) FROM generate_series(1, %(limit)s) AS free (number)
        WHERE NOT EXISTS (
            SELECT FROM conversations_generation AS running
            WHERE running.status = 'answering' AND running.user_id = queued.user_id AND running.seat = free.number
        )
      ) AS seat
    FROM ranked JOIN conversations_generation AS queued ON queued.id = ranked.id
    WHERE queued.status = 'queued' AND ranked.round_no <= %(limit)s
    ORDER BY {ORDER}
    LIMIT 1
    FOR UPDATE OF queued SKIP LOCKED
)
UPDATE conversations_generation AS claimed
SET status = 'answering', attempt = attempt + 1, lease_owner = %(worker)s, claimed_at = statement_timestamp(),
    lease_until = now() + make_interval(secs => %(lease)s), version_id = next.resolved_id, checkpoint = '',
    checkpoint_seq = 0, seat = next.seat
FROM next
WHERE claimed.id = next.id AND next.seat IS NOT NULL
RETURNING claimed.id
"""  # noqa: S608 - of constants
_STRANDED = f"""
SELECT queued.id, version.id
{RESOLVED}
WHERE queued.status = 'queued' AND queued.deadline_at > now()
  AND (COALESCE(queued.claimed_at, queued.created_at) < now() - make_interval(secs => %(patience)s)
       OR EXISTS (SELECT FROM inference_versionproblem AS problem WHERE problem.version_id = version.id))
  AND NOT (version.id = ANY(%(served)s) AND {KEEPS_POLICY})
"""  # noqa: S608 - of constants


def claim_next(*, worker: str, version_ids: Sequence[UUID]) -> Generation | None:
    """Takes the next generation that one of these versions may answer, with a lease of LEASE_SECONDS.

    None when nothing waits for them, or only what follows a live answer or is of users with
    USER_CONCURRENT_ANSWERS running ones.
    """
    while True:
        try:
            claimed_id = _claim(worker, version_ids)
        except IntegrityError as error:
            if SEAT_CONSTRAINT not in str(error):
                raise
            continue  # Another slot took that seat meanwhile: each try that fails is a claim of somebody else.
        if claimed_id is None:
            return None
        parts = ("message__conversation", "message__parent", "version", "fallback_from", "user")
        generation = Generation.objects.select_related(*parts).filter(id=claimed_id).first()
        if generation is not None:  # It may have been deleted with its conversation since.
            return generation


def _claim(worker: str, version_ids: Sequence[UUID]) -> UUID | None:
    parameters = {
        "worker": worker,
        "lease": settings.LEASE_SECONDS,
        "versions": list(version_ids),
        "limit": settings.USER_CONCURRENT_ANSWERS,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        row = cursor.fetchone()
    return row[0] if row else None


def list_stranded(*, served: Collection[UUID], patience: timedelta) -> list[tuple[UUID, UUID]]:
    """Generations that wait for a version that none of `served` is, or that they may not use, each with that version.

    They have waited longer than `patience`, or it is known that the version has a problem.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STRANDED, {"served": list(served), "patience": patience.total_seconds()})
        return list(cursor.fetchall())


def has_queued() -> bool:
    return Generation.objects.filter(status=Status.QUEUED).exists()


def people_wait() -> bool:
    """Whether something is queued that somebody waits for: all but what asked for `batch`, as trials do."""
    return Generation.objects.filter(status=Status.QUEUED, priority__lt=Priority.BATCH).exists()
