"""Workers, and what the live ones can answer with."""

from datetime import timedelta
from uuid import UUID

from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import ExpressionWrapper
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion, Worker, WorkerKind, WorkerOrder

WORKER_ALIVE = timedelta(seconds=15)


def list_served_versions() -> set[UUID] | None:
    """The versions that some live worker can answer with; None while no worker is ready to say so."""
    workers = live_workers(WorkerKind.INFERENCE).filter(ready=True)
    if not workers.exists():
        return None
    able = Q(serving_workers__in=workers) | Q(workers__in=workers)
    return set(ModelVersion.objects.filter(able).values_list("id", flat=True))


def live_workers(kind: WorkerKind) -> QuerySet[Worker]:
    """Those heard of in the last 15 seconds, by the database's clock, but not the ejected ones."""
    return Worker.objects.filter(_is_alive(), kind=kind)


def list_live_names() -> set[str]:
    return set(Worker.objects.filter(_is_alive()).values_list("name", flat=True))


def _is_alive() -> Q:
    return Q(seen_at__gt=Now() - WORKER_ALIVE, ejected_at=None)


def get_worker(name: str) -> Worker | None:
    """For the process itself: what operators have said of it."""
    return Worker.objects.filter(name=name).first()


def has_ready_worker(kind: WorkerKind) -> bool:
    return live_workers(kind).filter(ready=True).exists()


def list_workers_for(user: User) -> QuerySet[Worker]:
    """Adds `alive`, the gone ones too."""
    workers = Worker.objects.annotate(alive=ExpressionWrapper(_is_alive(), output_field=BooleanField()))
    workers = workers.prefetch_related("loaded")
    return workers.order_by("-alive", "kind", "name") if can(user, "inference.view_worker") else workers.none()


def get_worker_for(user: User, name: str) -> Worker:
    """Raises ChatappError("not_found")."""
    worker = None if "\0" in name else list_workers_for(user).filter(name=name).first()
    if worker is None:
        raise ChatappError("not_found")
    return worker


def list_orders_for(user: User) -> QuerySet[WorkerOrder]:
    """Newest first; those to workers that are gone, too."""
    orders = WorkerOrder.objects.select_related("version", "actor")
    return orders if can(user, "inference.view_worker") else orders.none()


def get_order_for(user: User, order_id: UUID) -> WorkerOrder:
    """Raises ChatappError("not_found")."""
    order = list_orders_for(user).filter(pk=order_id).first()
    if order is None:
        raise ChatappError("not_found")
    return order
