"""Sums over outcomes and side work. Trials, which nobody needed, are told of only in the totals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Sum
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.inference.models import AnswerOutcome, Arm, Rollout, SummedDay
from chatapp.inference.usage.figures import ArmCost, DayUsage, Speed, Usage, UsageBy, UsageRow, UsageTotal
from chatapp.inference.usage.scope import UsageScope, midnight
from chatapp.inference.usage.sql import Question, read_speeds, read_sums

_VERSION_NAME = "(SELECT name FROM inference_modelversion WHERE id = version_id)"
_COLUMNS = {
    UsageBy.USER: ("user_id", "(SELECT username FROM accounts_user WHERE id = user_id)"),
    UsageBy.GROUP: ("group_id", "(SELECT name FROM auth_group WHERE id = group_id)"),
    UsageBy.VERSION: ("version_id", _VERSION_NAME),
    UsageBy.ROUTE: ("route", "route"),
    UsageBy.DAY: ("day", "''"),
}


@dataclass(frozen=True, slots=True)
class UsageTotals:
    """`trials` are answers that were asked to measure a version; they stand in no other figure."""

    now: UsageTotal
    before: UsageTotal
    trials: UsageTotal


def usage_by(user: User, *, by: UsageBy, scope: UsageScope) -> list[UsageRow]:
    """Newest use first: everybody's for those who may see it, else the user's own. Three queries.

    Somebody in two groups counts in both, so rows by group add up to more than the whole.
    """
    key, name = _COLUMNS[by]
    found = [
        UsageRow(keys[0], label or "", total.usage, last, total.users, total.speed)
        for keys, label, last, total in _read(user, scope, [key], name)
    ]
    return sorted(found, key=lambda row: (row.last_used_at, str(row.key)), reverse=True)


def usage_per_day(user: User, *, scope: UsageScope) -> list[DayUsage]:
    """Of each version on each calendar day on which it was used, oldest day first. Three queries."""
    rows = _read(user, scope, ["day", "version_id"], _VERSION_NAME, with_people=False)
    found = [DayUsage(keys[0], name or "", total.usage, total.speed) for keys, name, _, total in rows]
    return sorted(found, key=lambda row: (row.day, row.version))


def usage_totals(user: User, *, scope: UsageScope) -> UsageTotals:
    """The whole of `scope`, and of the time before it. Six queries."""
    now, before = (
        {keys[0]: total for keys, _, _, total in _read(user, part, ["is_trial"], with_trials=True)}
        for part in (scope, scope.before())
    )
    none = UsageTotal()
    return UsageTotals(now=now.get(False, none), before=before.get(False, none), trials=now.get(True, none))


def arm_costs(rollout: Rollout) -> dict[Arm, ArmCost]:
    """What the answers of each arm used; an arm without one is not there. One query.

    Answers that a fallback gave are left out: another version's prices say nothing of the arm.
    """
    own = AnswerOutcome.objects.filter(rollout=rollout, is_trial=False, is_cached=False, is_fallback=False)
    summed = own.exclude(arm="").order_by().values_list("arm")
    tokens = Sum(F("prompt_tokens") + F("completion_tokens"))
    return {Arm(arm): ArmCost(*sums) for arm, *sums in summed.annotate(n=Count("pk"), used=tokens, paid=Sum("cost"))}


def _read(
    user: User, scope: UsageScope, keys: Sequence[str], name: str = "''", **which: bool
) -> list[tuple[tuple[Any, ...], str | None, Any, UsageTotal]]:
    """Keys, name, when it was used last, and what."""
    reader = None if can(user, "accounts.view_usage") else user.pk
    question = Question(scope=scope, keys=keys, name=name, reader=reader, **which)
    closed, count = _closed_days(scope), len(keys)
    speeds = read_speeds(question, closed)
    found = []
    for row in read_sums(question, closed):
        own, (label, answers, cached, prompt, completion, cost, last, people) = row[:count], row[count:]
        usage = Usage(int(answers), int(cached), int(prompt), int(completion), cost)
        found.append((own, label, last, UsageTotal(usage, people, speeds.get(own, Speed()))))
    return found


def _closed_days(scope: UsageScope) -> list[date]:
    """Those that lie wholly in the scope and are summed, in order."""
    days = SummedDay.objects.filter(
        zone=settings.TIME_ZONE,
        day__gte=timezone.localdate(scope.since),
        day__lt=timezone.localdate(scope.until),
    )
    return [day for day in days.order_by("day").values_list("day", flat=True) if midnight(day) >= scope.since]
