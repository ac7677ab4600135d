"""What operations ask of all apps at once: no user's rights count here, and no text of anybody is returned."""

from collections.abc import Sequence

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count
from django.db.models.functions import Now

from chatapp.conversations.models import Generation, Status
from chatapp.inference.models import Worker
from chatapp.inference.selectors import WORKER_ALIVE
from chatapp.retrieval.models import Document, DocumentStatus


def ping_database() -> None:
    """Raises DatabaseError when the database does not answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def count_queued_by_route() -> dict[str, int]:
    queued = Generation.objects.filter(status=Status.QUEUED).values_list("route_id")
    return dict(queued.annotate(waiting=Count("id")))


def list_live_workers() -> Sequence[Worker]:
    return list(Worker.objects.filter(seen_at__gt=Now() - WORKER_ALIVE))


def has_unsettled_documents() -> bool:
    return Document.objects.filter(status__in=[DocumentStatus.WAITING, DocumentStatus.PROCESSING]).exists()


def has_pending_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
