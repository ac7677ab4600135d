"""What checks did and how review went, in figures: no text and no names of people."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Aggregate, Count, DateTimeField, F, FloatField, Func, Max, Q, Sum, Value
from django.db.models.functions import Extract

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.moderation.models import CheckTally, Flag, FlagSource, FlagStatus, Verdict
from chatapp.moderation.selectors.flags import DECIDED, OVERDUE, UNDECIDED

# Beyond this a period has more checks than a page could show.
MAX_ROWS = 20_000


@dataclass(frozen=True, slots=True, order=True)
class CheckKey:
    """`policy` is such as `company@3`, empty for one that is gone."""

    policy: str
    check: str
    stage: str


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """Of one check in the step of time that begins `at`; in `failed` of them the check could not look."""

    key: CheckKey
    at: datetime
    verdicts: int
    failed: int
    shadow: int


@dataclass(frozen=True, slots=True)
class Looks:
    """`failures` of the `looks` did not happen: the check was too slow or down. Times are in seconds."""

    looks: int
    findings: int
    failures: int
    seconds: float
    slowest: float

    @property
    def mean(self) -> float:
        return self.seconds / self.looks if self.looks else 0.0


@dataclass(frozen=True, slots=True)
class ReviewTimes:
    """Seconds from a flag to its decision, None where none was decided. `waiting` and `overdue` are of this moment."""

    decided: int
    median: float | None
    p90: float | None
    waiting: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Decided:
    upheld: int
    decided: int


class _Percentile(Aggregate):
    function = "percentile_cont"
    template = "%(function)s(%(at)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


def may_see_figures(user: User) -> bool:
    return can(user, "moderation.view_policy")


def count_verdicts_for(user: User, *, since: datetime, step: timedelta) -> list[VerdictCount]:
    if not may_see_figures(user):
        return []
    at = Func(Value(step), F("exchange__created_at"), Value(since), function="date_bin", output_field=DateTimeField())
    rows = (
        Verdict.objects.filter(exchange__created_at__gte=since)
        .annotate(at=at)
        .values_list("policy__name", "policy__number", "check_name", "stage", "at")
        .annotate(
            verdicts=Count("pk"),
            failed=Count("pk", filter=~Q(failure="")),
            shadow=Count("pk", filter=Q(is_shadow=True)),
        )
        .order_by("at")[:MAX_ROWS]
    )
    return [VerdictCount(_key(*row[:4]), *row[4:]) for row in rows]


def sum_looks_for(user: User, *, since: datetime) -> dict[CheckKey, Looks]:
    if not may_see_figures(user):
        return {}
    sums = (Sum("looks"), Sum("findings"), Sum("failures"), Sum("seconds"), Max("slowest_seconds"))
    rows = (
        CheckTally.objects.filter(hour__gte=since.replace(minute=0, second=0, microsecond=0))
        .values_list("policy__name", "policy__number", "check_name", "stage")
        .annotate(**{f"sum_{number}": one for number, one in enumerate(sums)})
        .order_by("policy__name", "policy__number")[:MAX_ROWS]
    )
    return {_key(*row[:4]): Looks(*row[4:]) for row in rows}


def count_decided_for(user: User, *, since: datetime) -> dict[CheckKey, Decided]:
    """Of the flags that checks raised and reviewers decided in the period."""
    if not may_see_figures(user):
        return {}
    flags = Flag.objects.filter(source=FlagSource.CHECK, verdict__isnull=False, status__in=DECIDED)
    rows = (
        flags.filter(decided_at__gte=since)
        .order_by()
        .values_list("verdict__policy__name", "verdict__policy__number", "verdict__check_name", "verdict__stage")
        .annotate(upheld=Count("pk", filter=Q(status=FlagStatus.UPHELD)), decided=Count("pk"))[:MAX_ROWS]
    )
    return {_key(*row[:4]): Decided(*row[4:]) for row in rows}


def review_times_for(user: User, *, since: datetime) -> ReviewTimes | None:
    """None for those who may not know."""
    if not may_see_figures(user):
        return None
    took = Extract(F("decided_at") - F("created_at"), "epoch")
    decided = Q(status__in=DECIDED, decided_at__gte=since)
    found: dict[str, Any] = Flag.objects.filter(decided | UNDECIDED).aggregate(
        decided=Count("pk", filter=decided),
        median=_Percentile(took, at=0.5, filter=decided),
        p90=_Percentile(took, at=0.9, filter=decided),
        waiting=Count("pk", filter=UNDECIDED),
        overdue=Count("pk", filter=OVERDUE),
    )
    return ReviewTimes(**found)


def _key(name: str | None, number: int | None, check: str, stage: str) -> CheckKey:
    return CheckKey(f"{name}@{number}" if name else "", check, stage)
