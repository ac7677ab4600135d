from datetime import timedelta
from uuid import UUID

from django.db.models import BooleanField, Exists, OuterRef, Prefetch, Q, QuerySet
from django.db.models.expressions import ExpressionWrapper
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.inference.models import (
    ModelVersion,
    Provider,
    Route,
    RouteArm,
    RouteFallback,
    RouteRule,
    Worker,
    WorkerKind,
)

WORKER_ALIVE = timedelta(seconds=15)


def list_versions_for(user: User) -> QuerySet[ModelVersion]:
    """Newest first; none for those who do not operate models."""
    versions = ModelVersion.objects.select_related("created_by")
    return versions if can(user, "inference.view_version") else versions.none()


def get_version_for(user: User, version_id: UUID) -> ModelVersion:
    """Raises ChatappError("not_found")."""
    version = list_versions_for(user).filter(id=version_id).first()
    if version is None:
        raise ChatappError("not_found")
    return version


def get_version_by_name(name: str) -> ModelVersion:
    """One that writes, for callers that may use any, not see its record. Raises ChatappError("model_unknown")."""
    version = None if "\0" in name else _that_write().filter(name=name).first()
    if version is None:
        raise ChatappError("model_unknown", name=name[:100])
    return version


def serving_version(route: str = Route.DEFAULT) -> ModelVersion | None:
    """What answers a question that is claimed now."""
    return ModelVersion.objects.filter(routes__name=route).first()


def list_routes_for(user: User) -> QuerySet[Route]:
    """With all their parts; none for those who do not operate models."""
    return _whole_routes() if can(user, "inference.view_version") else _whole_routes().none()


def get_route_for(user: User, name: str) -> Route:
    """Raises ChatappError("not_found")."""
    route = None if "\0" in name else list_routes_for(user).filter(name=name).first()
    if route is None:
        raise ChatappError("not_found")
    return route


def load_route(name: str) -> Route:
    """With all its parts, as `routing` reads it. Raises ChatappError("model_unavailable") when there is none."""
    route = _whole_routes().filter(name=name).first()
    if route is None:
        raise ChatappError("model_unavailable")
    return route


def load_asked_route(name: str) -> Route:
    """With its rules and its rollout only: what a question is stored by. Raises ChatappError("model_unavailable")."""
    rules = Prefetch("rules", RouteRule.objects.select_related("version"))
    route = Route.objects.select_related("rollout").prefetch_related(rules).filter(name=name).first()
    if route is None:
        raise ChatappError("model_unavailable")
    return route


def _whole_routes() -> QuerySet[Route]:
    arms = Prefetch("arms", RouteArm.objects.order_by("starts_at").select_related("version"))
    rules = Prefetch("rules", RouteRule.objects.select_related("version"))
    fallbacks = Prefetch("fallbacks", RouteFallback.objects.select_related("version"))
    return Route.objects.select_related("version", "updated_by").prefetch_related(arms, rules, fallbacks)


def is_route_name(name: str) -> bool:
    return "\0" not in name and Route.objects.filter(name=name).exists()


def is_version_name(name: str) -> bool:
    return ModelVersion.objects.filter(name=name).exists()


def list_choices(route: str = Route.DEFAULT) -> list[str]:
    """What users may choose on that route, in the order of its rules."""
    allowed = Q(route__may_leave_company=True) | Q(version__may_leave_company=False)
    rules = RouteRule.objects.filter(allowed, route=route).exclude(choice="")
    return list(dict.fromkeys(rules.values_list("choice", flat=True)))


def list_served_versions() -> set[UUID] | None:
    """The versions that some live worker can answer with; None while no worker is ready to say so."""
    workers = live_workers(WorkerKind.INFERENCE).filter(ready=True)
    if not workers.exists():
        return None
    able = Q(serving_workers__in=workers) | Q(workers__in=workers)
    return set(ModelVersion.objects.filter(able).values_list("id", flat=True))


def list_chat_versions() -> list[ModelVersion]:
    """What the API offers as models: the serving version first, then by name."""
    serving = Exists(Route.objects.filter(name=Route.DEFAULT, version=OuterRef("pk")))
    return list(_that_write().annotate(serves=serving).order_by("-serves", "name"))


def _that_write() -> QuerySet[ModelVersion]:
    return ModelVersion.objects.exclude(provider=Provider.MODERATION)


def get_moderation_version(name: str) -> ModelVersion:
    """With its endpoints, for checks. Raises ChatappError("model_unknown")."""
    versions = ModelVersion.objects.filter(provider=Provider.MODERATION).prefetch_related("endpoints")
    version = None if "\0" in name else versions.filter(name=name).first()
    if version is None:
        raise ChatappError("model_unknown", name=name[:100])
    return version


def may_leave_company(route: str) -> bool:
    """Whether text that came by that route may be sent outside; not by an unknown one."""
    return Route.objects.filter(name=route, may_leave_company=True).exists()


def list_external_names() -> frozenset[str]:
    """Of the versions to which text leaves the company."""
    return frozenset(ModelVersion.objects.filter(may_leave_company=True).values_list("name", flat=True))


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
