from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from django.utils import timezone


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageScope:
    """What is summed: from `since` until before `until`, of what is named. An unknown name finds nothing."""

    since: datetime
    until: datetime
    user: str = ""
    group: str = ""
    version: str = ""
    route: str = ""

    def narrowed(self, *, user: str = "", group: str = "", version: str = "", route: str = "") -> "UsageScope":
        return replace(self, user=user, group=group, version=version, route=route)

    def before(self) -> "UsageScope":
        """As long a time, right before this one."""
        return replace(self, since=self.since - (self.until - self.since), until=self.since)


def last_hours(hours: int) -> UsageScope:
    """Until a moment from now: what is written while the page is made counts."""
    now = timezone.now()
    return UsageScope(since=now - timedelta(hours=hours), until=now + timedelta(minutes=1))


def calendar_days(first: date, last: date) -> UsageScope:
    """Both days are in it, by the company's clock."""
    return UsageScope(since=midnight(first), until=midnight(last + timedelta(days=1)))


def last_days(days: int) -> UsageScope:
    """So many calendar days, today's among them."""
    today = timezone.localdate()
    return calendar_days(today - timedelta(days=days - 1), today)


def midnight(day: date) -> datetime:
    """In the company's time zone; a day of 23 or 25 hours begins at its own midnight too."""
    return timezone.make_aware(datetime.combine(day, time.min))
