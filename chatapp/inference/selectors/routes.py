"""Routes, as operators see them and as questions are stored by."""

from django.db.models import Prefetch, Q, QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion, Route, RouteArm, RouteFallback, RouteRule


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
    return Route.objects.select_related("version", "updated_by", "rollout__candidate").prefetch_related(
        arms, rules, fallbacks
    )


def is_route_name(name: str) -> bool:
    return "\0" not in name and Route.objects.filter(name=name).exists()


def serving_version(route: str = Route.DEFAULT) -> ModelVersion | None:
    """What answers a question that is claimed now."""
    return ModelVersion.objects.filter(routes__name=route).first()


def list_choices(route: str = Route.DEFAULT) -> list[str]:
    """What users may choose on that route, in the order of its rules."""
    allowed = Q(route__may_leave_company=True) | Q(version__may_leave_company=False)
    rules = RouteRule.objects.filter(allowed, route=route).exclude(choice="")
    return list(dict.fromkeys(rules.values_list("choice", flat=True)))


def may_leave_company(route: str) -> bool:
    """Whether text that came by that route may be sent outside; not by an unknown one."""
    return Route.objects.filter(name=route, may_leave_company=True).exists()
