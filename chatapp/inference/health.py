"""What workers say of versions: what each has loaded, can answer with, and cannot."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, Q

from chatapp.inference.models import (
    LIVE_ROLLOUT,
    ModelVersion,
    OrderKind,
    Rollout,
    Route,
    RouteArm,
    RouteFallback,
    RouteRule,
    VersionProblem,
    Worker,
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
    """All that some route may answer with: by itself, by an arm, a rule, a fallback, or for a rollout."""
    tables = (RouteArm, RouteRule, RouteFallback)
    used = Route.objects.values_list("version_id").union(*(table.objects.values_list("version_id") for table in tables))
    return {version_id for (version_id,) in used} | {version.id for version in list_rolling_versions()}


def list_rolling_versions() -> list[ModelVersion]:
    """Both of each live rollout: nobody who meets a candidate, or is given back to its baseline, waits for weights."""
    rolling = Rollout.objects.filter(state__in=LIVE_ROLLOUT)
    named = Q(id__in=rolling.values("candidate_id")) | Q(id__in=rolling.values("baseline_id"))
    return list(ModelVersion.objects.filter(named).order_by("name"))


def list_sole_servers() -> dict[UUID, str]:
    """Versions that some route may need and that one ready worker alone can answer with, with its name."""
    ready = live_workers(WorkerKind.INFERENCE).filter(ready=True)
    servers: dict[UUID, set[str]] = {}
    for relation in ("serves", "loaded"):
        for worker, version in ready.values_list("name", relation):
            servers.setdefault(version, set()).add(worker)
    routed = list_routed_versions()
    return {version: min(names) for version, names in servers.items() if len(names) == 1 and version in routed}


def find_consequence(worker: Worker, kind: OrderKind, version: ModelVersion | None = None) -> str:
    """What an order takes from everybody, in a sentence; "" when other workers go on for this one."""
    if kind in {OrderKind.RESUME, OrderKind.LOAD}:
        return ""
    lost = {version_id for version_id, name in list_sole_servers().items() if name == worker.name}
    if version is not None:
        lost &= {version.id}
    names = list(ModelVersion.objects.filter(id__in=lost).order_by("name").values_list("name", flat=True))
    return describe_loss(names)


def describe_loss(names: Sequence[str]) -> str:
    if not names:
        return ""
    return (
        f"No other worker can answer with {', '.join(names)}. Questions for it are answered by a fallback of their "
        "route, or wait and in the end fail."
    )


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
