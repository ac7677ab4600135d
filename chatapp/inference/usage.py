"""What was used: answers, tokens and cost, of answers and of side work, summed for one reader's rights."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Count, IntegerField, Max, Q, QuerySet, Sum, Value
from django.db.models.functions import TruncDate
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.inference.models import AnswerOutcome, SideWork


class UsageBy(StrEnum):
    USER = "user"
    GROUP = "group"
    VERSION = "version"


_COLUMNS = {
    UsageBy.USER: ("user_id", "user__username"),
    UsageBy.GROUP: ("user__groups", "user__groups__name"),
    UsageBy.VERSION: ("version_id", "version__name"),
}


@dataclass(frozen=True, slots=True)
class Usage:
    """`cached` of the answers were given again out of the cache: they used no tokens and cost nothing."""

    answers: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal = Decimal(0)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.answers + other.answers,
            self.cached + other.cached,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost + other.cost,
        )


@dataclass(frozen=True, slots=True)
class UsageRow:
    """`key` is the id of the user, group or version; None (with an empty name) for what is deleted or in no group."""

    key: UUID | int | None
    name: str
    usage: Usage
    last_used_at: datetime


def usage_by(user: User, *, by: UsageBy, days: int) -> list[UsageRow]:
    """The last `days`, newest use first: everybody's for those who may see it, else the user's own.

    Somebody in two groups counts in both, so rows by group add up to more than the whole.
    """
    found: dict[UUID | int | None, UsageRow] = {}
    for key, name, *sums, last in _sums(user, timezone.now() - timedelta(days=days), *_COLUMNS[by]):
        known = found.get(key, UsageRow(key, name or "", Usage(), last))
        usage, latest = known.usage + Usage(*sums), max(known.last_used_at, last)
        found[key] = UsageRow(key, known.name, usage, latest)
    return sorted(found.values(), key=lambda row: (row.last_used_at, str(row.key)), reverse=True)


def usage_per_day(user: User, *, days: int) -> list[tuple[date, Usage]]:
    """The last `days` calendar days, oldest first, today's among them; a day without use is there too."""
    today = timezone.localdate()
    per_day = {today - timedelta(days=ago): Usage() for ago in reversed(range(days))}
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    for day, *sums, _last in _sums(user, midnight - timedelta(days=days - 1), TruncDate("created_at")):
        per_day[day] = per_day.get(day, Usage()) + Usage(*sums)
    return list(per_day.items())


def _sums(user: User, since: datetime, *columns: Any) -> "QuerySet[Any, tuple[Any, ...]]":
    """The columns, then what `Usage` holds and the time of the last use; answers and side work in rows of their own."""
    answers = _visible(AnswerOutcome.objects.all(), user, since).values_list(*columns)
    work = _visible(SideWork.objects.all(), user, since).values_list(*columns)
    totals = {
        "prompt": Sum("prompt_tokens"),
        "completion": Sum("completion_tokens"),
        "paid": Sum("cost"),
        "last": Max("created_at"),
    }
    none = Value(0, output_field=IntegerField())
    counted = answers.annotate(count=Count("pk"), hits=Count("pk", filter=Q(is_cached=True)), **totals)
    rows: QuerySet[Any, tuple[Any, ...]] = counted.union(work.annotate(count=none, hits=none, **totals), all=True)
    return rows


def _visible(rows: "QuerySet[Any]", user: User, since: datetime) -> "QuerySet[Any]":
    recent = rows.order_by().filter(created_at__gt=since)
    return recent if can(user, "accounts.view_usage") else recent.filter(user=user)
