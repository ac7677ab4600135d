from datetime import timedelta
from uuid import UUID

from django.db.models import BooleanField, Count, Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import ExpressionWrapper
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion, Route, Worker, WorkerKind

WORKER_ALIVE = timedelta(seconds=15)


def list_versions_for(user: User) -> QuerySet[ModelVersion]:
    """Newest first; none for those who do not operate models."""
    versions = ModelVersion.objects.select_related("created_by")
    return versions if can(user, "inference.view_version") else versions.none()


def with_use(versions: QuerySet[ModelVersion], route: str = Route.DEFAULT) -> QuerySet[ModelVersion]:
    """Adds `serves` (answers new questions of that route) and `answers` (how many it has given so far)."""
    serving = Route.objects.filter(name=route, version=OuterRef("pk"))
    return versions.annotate(serves=Exists(serving), answers=Count("outcomes"))


def get_version_for(user: User, version_id: UUID) -> ModelVersion:
    """Raises ChatappError("not_found")."""
    version = list_versions_for(user).filter(id=version_id).first()
    if version is None:
        raise ChatappError("not_found")
    return version


def get_version_by_name(name: str) -> ModelVersion:
    """For callers that may use any version, not see its record. Raises ChatappError("model_unknown")."""
    version = None if "\0" in name else ModelVersion.objects.filter(name=name).first()
    if version is None:
        raise ChatappError("model_unknown", name=name[:100])
    return version


def serving_version(route: str = Route.DEFAULT) -> ModelVersion | None:
    """What answers a question that is claimed now."""
    return ModelVersion.objects.filter(routes__name=route).first()


def load_route(name: str) -> Route:
    """With rules, arms, fallbacks and their versions, as `routing` reads it. Raises ChatappError("not_found")."""
    route = _whole_routes().filter(name=name).first()
    if route is None:
        raise ChatappError("not_found")
    return route


def _whole_routes() -> QuerySet[Route]:
    parts = ("rules__version", "arms__version", "fallbacks__version")
    return Route.objects.select_related("version", "updated_by").prefetch_related(*parts)


def list_chat_versions() -> list[ModelVersion]:
    """What the API offers as models: the serving version first, then by name."""
    serving = Exists(Route.objects.filter(name=Route.DEFAULT, version=OuterRef("pk")))
    return list(ModelVersion.objects.annotate(serves=serving).order_by("-serves", "name"))


def has_ready_worker(kind: WorkerKind) -> bool:
    """Heard of in the last 15 seconds, by the database's clock."""
    return Worker.objects.filter(kind=kind, ready=True, seen_at__gt=Now() - WORKER_ALIVE).exists()


def list_workers_for(user: User) -> QuerySet[Worker]:
    """Adds `alive`: heard of in the last 15 seconds, by the database's clock."""
    workers = Worker.objects.annotate(
        alive=ExpressionWrapper(Q(seen_at__gte=Now() - WORKER_ALIVE), output_field=BooleanField())
    ).prefetch_related("loaded")
    return workers.order_by("-alive", "kind", "name") if can(user, "inference.view_worker") else workers.none()
