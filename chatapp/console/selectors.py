"""Figures over many rows that only the console shows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Aggregate, Count, Exists, FloatField, OuterRef, Prefetch, Q, QuerySet
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.console.models import PolicyReport
from chatapp.inference.models import AnswerOutcome, Endpoint, ModelVersion, Route, VersionProblem, Worker
from chatapp.inference.selectors import list_versions_for, list_workers_for
from chatapp.privacy.selectors.retention import not_held_at_all

DAY = timedelta(days=1)
MAX_REPORTS = 200
MAX_VERSIONS = 100
_NOT_ANSWERED = ("failed", "interrupted")


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Of the answers of the last 24 hours; seconds to the first token are None where none was written."""

    answers: int = 0
    failed: int = 0
    first_token_median: float | None = None
    first_token_p95: float | None = None


class _Percentile(Aggregate):
    function = "percentile_cont"
    template = "%(function)s(%(at)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


def list_shown_versions_for(user: User) -> QuerySet[ModelVersion]:
    """The serving version first, then the newest, at most MAX_VERSIONS."""
    serving = Exists(Route.objects.filter(name=Route.DEFAULT, version=OuterRef("pk")))
    return list_versions_for(user).order_by(serving.desc(), "-created_at", "-pk")[:MAX_VERSIONS]


def with_places(versions: QuerySet[ModelVersion]) -> QuerySet[ModelVersion]:
    """Adds the routes that answer with them and the addresses of external ones, without their keys."""
    addresses = Endpoint.objects.only("version_id", "url").order_by("url")
    return versions.prefetch_related("routes", Prefetch("endpoints", queryset=addresses))


def list_policy_reports_for(user: User) -> QuerySet[PolicyReport]:
    """The latest first, at most MAX_REPORTS; how long they are kept is a rule of retention."""
    if not can(user, "console.view_policy_report"):
        return PolicyReport.objects.none()
    return PolicyReport.objects.order_by("-last_at", "-pk")[:MAX_REPORTS]


def list_old_reports(before: datetime) -> list[QuerySet[PolicyReport]]:
    """For retention. Nobody's data, so only a hold on everyone keeps them."""
    return [not_held_at_all(PolicyReport.objects.filter(last_at__lt=before))]


def list_workers_with_versions_for(user: User) -> list[Worker]:
    return list(list_workers_for(user).prefetch_related("loaded", "loading", "serves"))


def day_figures_for(user: User) -> dict[UUID, DayFigures]:
    """By version. Answers out of the cache took no model's time: they count as answers only."""
    if not can(user, "inference.view_version"):
        return {}
    computed = Q(is_cached=False)
    rows = (
        AnswerOutcome.objects.filter(created_at__gt=Now() - DAY, version__isnull=False)
        .values_list("version_id")
        .annotate(
            answers=Count("pk"),
            failed=Count("pk", filter=Q(status__in=_NOT_ANSWERED)),
            median=_Percentile("first_token_seconds", at=0.5, filter=computed),
            p95=_Percentile("first_token_seconds", at=0.95, filter=computed),
        )
    )
    return {version: DayFigures(*figures) for version, *figures in rows}


def list_problems_for(user: User) -> QuerySet[VersionProblem]:
    """The newest first; of gone workers too."""
    problems = VersionProblem.objects.select_related("version").order_by("-since", "pk")
    return problems if can(user, "inference.view_worker") else problems.none()
