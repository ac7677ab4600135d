"""What workers say of versions: what each has loaded, can answer with, and cannot."""

from uuid import UUID

from django.db.models import Count, Q

from chatapp.inference.models import (
    ModelVersion,
    Route,
    RouteArm,
    RouteFallback,
    RouteRule,
    VersionProblem,
    WorkerKind,
)
from chatapp.inference.presence import worker_name
from chatapp.inference.selectors import live_workers


def has_open_problem(version: ModelVersion) -> bool:
    """Of the worker that is this process."""
    return VersionProblem.objects.filter(version=version, worker=worker_name(WorkerKind.INFERENCE)).exists()


def list_problems_of(worker: str) -> dict[UUID, str]:
    """The reasons, by version."""
    return dict(VersionProblem.objects.filter(worker=worker).values_list("version_id", "reason"))


def list_routed_versions() -> set[UUID]:
    """All that some route may answer with: by itself, by an arm, a rule or as a fallback."""
    tables = (RouteArm, RouteRule, RouteFallback)
    used = Route.objects.values_list("version_id").union(*(table.objects.values_list("version_id") for table in tables))
    return {version_id for (version_id,) in used}


def count_states() -> list[tuple[str, dict[str, int]]]:
    """By a version's name: on how many live workers it is loaded, loading, ready to be loaded, and broken."""
    names = list(live_workers(WorkerKind.INFERENCE).values_list("name", flat=True))
    counted = ModelVersion.objects.annotate(
        loaded=Count("workers", filter=Q(workers__in=names), distinct=True),
        loading=Count("loading_workers", filter=Q(loading_workers__in=names), distinct=True),
        serving=Count("serving_workers", filter=Q(serving_workers__in=names), distinct=True),
        broken=Count("problems", filter=Q(problems__worker__in=names), distinct=True),
    )
    states = ("loaded", "loading", "serving", "broken")
    return [(row["name"], {state: row[state] for state in states}) for row in counted.values("name", *states)]
