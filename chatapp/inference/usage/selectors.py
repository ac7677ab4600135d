"""Sums over outcomes and side work. Trials, which nobody needed, are told of only in the totals."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Aggregate,
    BooleanField,
    Case,
    CharField,
    Count,
    F,
    FloatField,
    IntegerField,
    Max,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, TruncDate

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.inference.models import AnswerOutcome, Arm, Rollout, SideWork
from chatapp.inference.usage.figures import ArmCost, DayUsage, Speed, Usage, UsageBy, UsageRow, UsageTotal
from chatapp.inference.usage.scope import UsageScope

_DAY = TruncDate("created_at")
# Of answers: what rows are summed by, and what they are called by. Side work has no route.
_SECONDS: Any = ArrayField(FloatField())
_NOTHING = Value("", output_field=CharField())
_COLUMNS: dict[UsageBy, dict[str, Any]] = {
    UsageBy.USER: {"key": F("user_id"), "name": F("user__username")},
    UsageBy.GROUP: {"key": F("user__groups"), "name": F("user__groups__name")},
    UsageBy.VERSION: {"key": F("version_id"), "name": F("version__name")},
    UsageBy.ROUTE: {"key": F("route"), "name": F("route")},
    UsageBy.DAY: {"key": _DAY, "name": _NOTHING},
}
_NO_ROUTE = {"key": _NOTHING, "name": _NOTHING}


class _Percentiles(Aggregate):
    """The median and the 95th percentile, of one sort."""

    function = "percentile_cont"
    template = "%(function)s(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = _SECONDS


@dataclass(frozen=True, slots=True)
class UsageTotals:
    """`trials` are answers that were asked to measure a version; they stand in no other figure."""

    now: UsageTotal
    before: UsageTotal
    trials: UsageTotal


def usage_by(user: User, *, by: UsageBy, scope: UsageScope) -> list[UsageRow]:
    """Newest use first: everybody's for those who may see it, else the user's own. One query.

    Somebody in two groups counts in both, so rows by group add up to more than the whole.
    """
    columns = _COLUMNS[by]
    columns_of_work = _NO_ROUTE if by is UsageBy.ROUTE else columns
    found: dict[Any, UsageRow] = {}
    for value, label, *sums in _sums(user, scope, columns, columns_of_work):
        total, last = _read(sums)
        if last is None:  # All side work is one sum, also where there is none.
            continue
        if (known := found.get(value)) is not None:
            total = _joined(UsageTotal(known.usage, known.users, known.speed), total)
            last = max(known.last_used_at, last)
        found[value] = UsageRow(value, label or "", total.usage, last, total.users, total.speed)
    return sorted(found.values(), key=lambda row: (row.last_used_at, str(row.key)), reverse=True)


def usage_per_day(user: User, *, scope: UsageScope) -> list[DayUsage]:
    """Of each version on each calendar day on which it was used, oldest day first. One query."""
    columns = {"day": _DAY, "name": F("version__name")}
    found: dict[tuple[date, str], UsageTotal] = {}
    for day, name, *sums in _sums(user, scope, columns, columns):
        key = (day, name or "")
        found[key] = _joined(found.get(key, UsageTotal()), _read(sums)[0])
    return [DayUsage(day, name, total.usage, total.speed) for (day, name), total in sorted(found.items())]


def usage_totals(user: User, *, scope: UsageScope) -> UsageTotals:
    """The whole of `scope`, and of the time before it. One query."""
    wide = replace(scope, since=scope.before().since)
    is_now = Case(When(created_at__gte=scope.since, then=True), default=False, output_field=BooleanField())
    never = Value(False, output_field=BooleanField())
    found: dict[tuple[bool, bool], UsageTotal] = {}
    of_answers, of_work = {"now": is_now, "trial": F("is_trial")}, {"now": is_now, "trial": never}
    for now, trial, *sums in _sums(user, wide, of_answers, of_work, with_trials=True):
        found[now, trial] = _joined(found.get((now, trial), UsageTotal()), _read(sums)[0])
    none = UsageTotal()
    return UsageTotals(
        now=found.get((True, False), none), before=found.get((False, False), none), trials=found.get((True, True), none)
    )


def arm_costs(rollout: Rollout) -> dict[Arm, ArmCost]:
    """What the answers of each arm used; an arm without one is not there. One query.

    Answers that a fallback gave are left out: another version's prices say nothing of the arm.
    """
    own = AnswerOutcome.objects.filter(rollout=rollout, is_trial=False, is_cached=False, is_fallback=False)
    summed = own.exclude(arm="").order_by().values_list("arm")
    tokens = Sum(F("prompt_tokens") + F("completion_tokens"))
    return {Arm(arm): ArmCost(*sums) for arm, *sums in summed.annotate(n=Count("pk"), used=tokens, paid=Sum("cost"))}


def _sums(
    user: User,
    scope: UsageScope,
    of_answers: dict[str, Any],
    of_work: dict[str, Any],
    *,
    with_trials: bool = False,
) -> "QuerySet[Any, tuple[Any, ...]]":
    """The columns, then what `_read` reads; answers and side work in rows of their own."""
    answers = _answers(user, scope, with_trials=with_trials)
    totals = {
        "prompt": Sum("prompt_tokens"),
        "completion": Sum("completion_tokens"),
        "paid": Sum("cost"),
        "last": Max("created_at"),
    }
    counted: QuerySet[Any, tuple[Any, ...]] = _by(answers, of_answers).annotate(
        count=Count("pk"),
        hits=Count("pk", filter=Q(is_cached=True)),
        **totals,
        people=Count("user_id", distinct=True),
        first=_Percentiles("first_token_seconds"),
        whole=_Percentiles("duration_seconds"),
    )
    if scope.route:
        return counted
    none = Value(0, output_field=IntegerField())
    unknown = Cast(Value(None), output_field=_SECONDS)
    work = _by(_work(user, scope), of_work).annotate(
        count=none, hits=none, **totals, people=none, first=unknown, whole=unknown
    )
    rows: QuerySet[Any, tuple[Any, ...]] = counted.union(work, all=True)
    return rows


def _by(rows: "QuerySet[Any]", columns: dict[str, Any]) -> "QuerySet[Any, tuple[Any, ...]]":
    named = {f"by_{name}": column for name, column in columns.items()}
    summed: QuerySet[Any, tuple[Any, ...]] = rows.annotate(**named).values_list(*named)
    return summed


def _read(sums: Iterable[Any]) -> tuple[UsageTotal, Any]:
    """And when the last of it was used."""
    answers, cached, prompt, completion, cost, last, users, first, whole = sums
    speed = Speed(*(first or (None, None)), *(whole or (None,))[:1])
    return UsageTotal(Usage(answers, cached, prompt, completion, cost), users, speed), last


def _joined(one: UsageTotal, other: UsageTotal) -> UsageTotal:
    """Of answers and of side work, which has neither askers nor speed: those of the one that has answers."""
    with_answers = one if one.usage.answers else other
    return UsageTotal(one.usage + other.usage, with_answers.users, with_answers.speed)


def _answers(user: User, scope: UsageScope, *, with_trials: bool) -> "QuerySet[Any]":
    rows = _within(AnswerOutcome.objects.all(), user, scope)
    if scope.route:
        rows = rows.filter(route=scope.route)
    return rows if with_trials else rows.filter(is_trial=False)


def _work(user: User, scope: UsageScope) -> "QuerySet[Any]":
    return _within(SideWork.objects.all(), user, scope)


def _within(rows: "QuerySet[Any]", user: User, scope: UsageScope) -> "QuerySet[Any]":
    found = rows.order_by().filter(created_at__gte=scope.since, created_at__lt=scope.until)
    named = {"user__username": scope.user, "user__groups__name": scope.group, "version__name": scope.version}
    found = found.filter(**{column: name for column, name in named.items() if name})
    return found if can(user, "accounts.view_usage") else found.filter(user=user)
