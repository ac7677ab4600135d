"""What operations ask of all apps at once: no user's rights count here, and no text of anybody is returned."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count

from chatapp.conversations.models import Generation, Status
from chatapp.retrieval.models import Document, DocumentStatus


def ping_database() -> None:
    """Raises DatabaseError when the database does not answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def count_queued_by_route() -> dict[str, int]:
    queued = Generation.objects.filter(status=Status.QUEUED).values_list("route_id")
    return dict(queued.annotate(waiting=Count("id")))


def has_unsettled_documents() -> bool:
    return Document.objects.filter(status__in=[DocumentStatus.WAITING, DocumentStatus.PROCESSING]).exists()


def has_pending_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
