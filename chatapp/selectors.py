"""What operations ask of all apps at once: no user's rights count here, and no text of anybody is returned."""

from dataclasses import dataclass

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, F, Max, Q
from django.db.models.functions import Extract, Now

from chatapp.conversations.models import LIVE, Generation, Priority, Status
from chatapp.retrieval.models import Document, DocumentStatus


@dataclass(frozen=True, slots=True)
class QueueLength:
    """Answers that wait, and for how many seconds the oldest has that only lacks a worker and is no batch work."""

    waiting: int
    oldest: float | None


def ping_database() -> None:
    """Raises DatabaseError when the database does not answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def count_queued_by_route() -> dict[str, int]:
    queued = Generation.objects.filter(status=Status.QUEUED).values_list("route_id")
    return dict(queued.annotate(waiting=Count("id")))


def measure_queue() -> QueueLength:
    age = Extract(Now() - F("created_at"), "epoch")
    is_due = Q(priority__lt=Priority.BATCH) & (Q(follows=None) | ~Q(follows__status__in=LIVE))
    queued = Generation.objects.filter(status=Status.QUEUED)
    found = queued.aggregate(waiting=Count("id"), oldest=Max(age, filter=is_due))
    return QueueLength(found["waiting"], found["oldest"])


def has_unsettled_documents() -> bool:
    return Document.objects.filter(status__in=[DocumentStatus.WAITING, DocumentStatus.PROCESSING]).exists()


def has_pending_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
