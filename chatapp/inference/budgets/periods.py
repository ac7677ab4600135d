from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import timezone

from chatapp.inference.models import BudgetPeriod
from chatapp.inference.usage.scope import midnight


@dataclass(frozen=True, slots=True)
class Period:
    """From the first moment of `starts_on` until that of `ends_on`, by the company's clock (TIME_ZONE)."""

    starts_on: date
    ends_on: date

    @property
    def starts_at(self) -> datetime:
        return midnight(self.starts_on)

    @property
    def ends_at(self) -> datetime:
        return midnight(self.ends_on)


def period_of(kind: BudgetPeriod, at: datetime | None = None) -> Period:
    """The one that `at` lies in, else the current one."""
    day = timezone.localdate(at)
    if kind is BudgetPeriod.DAY:
        return Period(day, day + timedelta(days=1))
    if kind is BudgetPeriod.WEEK:
        monday = day - timedelta(days=day.weekday())
        return Period(monday, monday + timedelta(days=7))
    first = day.replace(day=1)
    return Period(first, (first + timedelta(days=31)).replace(day=1))
