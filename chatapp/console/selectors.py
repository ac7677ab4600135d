"""Figures over many rows that only the console shows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import (
    Aggregate,
    Count,
    Exists,
    F,
    FloatField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Sum,
    prefetch_related_objects,
)
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.console.models import PolicyReport
from chatapp.errors import ChatappError
from chatapp.inference.models import (
    LIVE_ROLLOUT,
    AnswerOutcome,
    Arm,
    Download,
    Endpoint,
    ModelVersion,
    Provider,
    Rollout,
    RolloutState,
    RolloutStep,
    Route,
    VersionProblem,
    Worker,
)
from chatapp.inference.selectors import get_version_for, list_rollouts_for, list_versions_for, list_workers_for
from chatapp.privacy.selectors.retention import not_held_at_all

DAY = timedelta(days=1)
LATELY = timedelta(minutes=15)
MAX_REPORTS = 200
MAX_FAILED = 20
MAX_VERSIONS = 100
_NOT_ANSWERED = ("failed", "interrupted")


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Of the answers of the last 24 hours; seconds to the first token are None where none was written."""

    answers: int = 0
    failed: int = 0
    first_token_median: float | None = None
    first_token_p95: float | None = None


@dataclass(frozen=True, slots=True)
class Speed:
    """Of answers that a model wrote for people; seconds to the first token, and tokens a second after it."""

    answers: int
    first_token_median: float | None
    first_token_p95: float | None
    tokens_per_second: float | None


class _Percentile(Aggregate):
    function = "percentile_cont"
    template = "%(function)s(%(at)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


def list_shown_versions_for(user: User, *, text: str = "", state: str = "") -> QuerySet[ModelVersion]:
    """The serving version first, then the newest, at most MAX_VERSIONS, with the last download of each.

    `text` is looked for in what names a version and its weights.
    """
    found = list_versions_for(user)
    if text:
        places = ("name", "description", "external_model", "licence", "quantization", "sha256")
        found = found.filter(reduce(or_, (Q(**{f"{place}__icontains": text}) for place in places)))
    if state:
        found = found.filter(state=state)
    serving = Exists(Route.objects.filter(name=Route.DEFAULT, version=OuterRef("pk")))
    shown = found.order_by(serving.desc(), "-created_at", "-pk")[:MAX_VERSIONS]
    newest = Download.objects.order_by("version_id", "-created_at", "-pk").distinct("version_id")
    return shown.prefetch_related(Prefetch("downloads", queryset=newest))


def with_places(versions: QuerySet[ModelVersion]) -> QuerySet[ModelVersion]:
    """Adds the routes that answer with them and the addresses of external ones, without their keys."""
    addresses = Endpoint.objects.only("version_id", "url").order_by("url")
    return versions.prefetch_related("routes", Prefetch("endpoints", queryset=addresses))


def get_shown_version_for(user: User, version_id: UUID) -> ModelVersion:
    """As the list shows it. Raises ChatappError("not_found")."""
    version = get_version_for(user, version_id)
    prefetch_related_objects([version], "downloads", "endpoints", "routes")
    return version


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


def count_version_states_for(user: User) -> dict[str, int]:
    """How many versions that answer questions are in each state."""
    states = list_versions_for(user).exclude(provider=Provider.MODERATION).order_by().values_list("state")
    return dict(states.annotate(versions=Count("pk")))


def speeds_for(user: User) -> tuple[Speed, Speed] | None:
    """Of the last 15 minutes and of the last 24 hours; None for those who may not know. Trials do not count."""
    if not can(user, "inference.view_version"):
        return None
    written = AnswerOutcome.objects.filter(
        created_at__gt=Now() - DAY, is_cached=False, is_trial=False, first_token_seconds__isnull=False
    )
    lately = Q(created_at__gt=Now() - LATELY)
    found = written.aggregate(**_speed("lately", lately), **_speed("day", Q(pk__isnull=False)))
    return _read_speed("lately", found), _read_speed("day", found)


def _speed(name: str, when: Q) -> dict[str, Aggregate]:
    took = F("duration_seconds") - F("first_token_seconds")
    return {
        f"{name}_answers": Count("pk", filter=when),
        f"{name}_median": _Percentile("first_token_seconds", at=0.5, filter=when),
        f"{name}_p95": _Percentile("first_token_seconds", at=0.95, filter=when),
        f"{name}_tokens": Sum("completion_tokens", filter=when & Q(duration_seconds__isnull=False)),
        f"{name}_seconds": Sum(took, filter=when),
    }


def _read_speed(name: str, found: dict[str, Any]) -> Speed:
    seconds = found[f"{name}_seconds"]
    per_second = found[f"{name}_tokens"] / seconds if seconds else None
    return Speed(found[f"{name}_answers"], found[f"{name}_median"], found[f"{name}_p95"], per_second)


def search_rollouts_for(user: User, *, state: str = "", route: str = "", version: str = "") -> QuerySet[Rollout]:
    """`state` is one, or "live"; `version` is either arm's name. Raises ChatappError("invalid") for other states."""
    if state not in {"", "live", *RolloutState.values}:
        raise ChatappError("invalid", detail=f"state must be live, {', '.join(RolloutState.values)}, or empty.")
    found = list_rollouts_for(user)
    if state:
        found = found.filter(state__in=LIVE_ROLLOUT) if state == "live" else found.filter(state=state)
    if route:
        found = found.filter(route=route)
    return found.filter(Q(candidate__name=version) | Q(baseline__name=version)) if version else found


def find_endings(rollouts: Iterable[Rollout]) -> dict[UUID, RolloutStep]:
    """The last step of each that is over; of rollouts that the caller may see."""
    over = [rollout.pk for rollout in rollouts if not rollout.is_live]
    steps = RolloutStep.objects.filter(rollout__in=over).order_by("rollout_id", "-at", "-id").distinct("rollout_id")
    return {step.rollout_id: step for step in steps.select_related("actor")}


def list_failed_answers(rollout: Rollout) -> list[AnswerOutcome]:
    """The newest MAX_FAILED of the candidate's that failed or a fallback had to give; of a rollout one may see."""
    failed = Q(status__in=_NOT_ANSWERED) | Q(is_fallback=True)
    found = AnswerOutcome.objects.filter(failed, rollout=rollout, arm=Arm.CANDIDATE, is_trial=False)
    return list(found.order_by("-created_at", "-pk")[:MAX_FAILED])
