"""How much waits for each version, and how much runs on each worker."""

from uuid import UUID

from django.db import connection

from chatapp.conversations.queue.order import RESOLVED

_WAITING = f"""
SELECT version.id, count(*)
{RESOLVED}
WHERE queued.status = 'queued' AND queued.deadline_at > now()
GROUP BY version.id
"""
_RUNNING = """
SELECT lease_owner, count(*) FROM conversations_generation
WHERE status = 'answering' AND lease_until > now() GROUP BY lease_owner
"""


def count_waiting() -> dict[UUID, int]:
    """By the version that a claim would resolve now."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        return dict(cursor.fetchall())


def count_running() -> dict[str, int]:
    """Answers with a live lease, by the name of the worker."""
    with connection.cursor() as cursor:
        cursor.execute(_RUNNING)
        return dict(cursor.fetchall())
