"""Workers, and what the live ones can answer with."""

from datetime import timedelta
from uuid import UUID

from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import ExpressionWrapper
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.inference.models import ModelVersion, Worker, WorkerKind

WORKER_ALIVE = timedelta(seconds=15)


def list_served_versions() -> set[UUID] | None:
    """The versions that some live worker can answer with; None while no worker is ready to say so."""
    workers = live_workers(WorkerKind.INFERENCE).filter(ready=True)
    if not workers.exists():
        return None
    able = Q(serving_workers__in=workers) | Q(workers__in=workers)
    return set(ModelVersion.objects.filter(able).values_list("id", flat=True))


def live_workers(kind: WorkerKind) -> QuerySet[Worker]:
    """Those heard of in the last 15 seconds, by the database's clock."""
    return Worker.objects.filter(_is_alive(), kind=kind)


def _is_alive() -> Q:
    return Q(seen_at__gt=Now() - WORKER_ALIVE)


def has_ready_worker(kind: WorkerKind) -> bool:
    return live_workers(kind).filter(ready=True).exists()


def list_workers_for(user: User) -> QuerySet[Worker]:
    """Adds `alive`, the gone ones too."""
    workers = Worker.objects.annotate(alive=ExpressionWrapper(_is_alive(), output_field=BooleanField()))
    workers = workers.prefetch_related("loaded")
    return workers.order_by("-alive", "kind", "name") if can(user, "inference.view_worker") else workers.none()
