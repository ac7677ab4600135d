"""Which buckets a caller takes from.

A person has one bucket for each unit and period: by a limit of the person's own, else by the largest of the person's
groups, else by everyone's, else by the settings. A key and a route have buckets beside it, so they only narrow.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from chatapp.accounts.limits.buckets import Bucket
from chatapp.accounts.models import ApiKey, LimitPeriod, LimitSubject, LimitUnit, RateLimit, User
from chatapp.accounts.selectors import list_limits_that_apply

# So long a changed limit may take to count in other processes.
REMEMBER_SECONDS = 5.0
MOST_REMEMBERED = 10_000
_PERIOD_NAMES = {LimitPeriod.MINUTE.value: "minute", LimitPeriod.DAY.value: "day"}
_SPECIFIC = {LimitSubject.USER: 3, LimitSubject.GROUP: 2, LimitSubject.EVERYONE: 1}
# A guess of a 256-bit key is hopeless; this bounds what guessing costs.
FAILED_KEYS_PER_MINUTE = 60
FAILED_KEYS_BURST = 300


@dataclass(frozen=True, slots=True)
class _Known:
    until: float
    limits: tuple[RateLimit, ...]


_known: dict[UUID, _Known] = {}


def forget_limits() -> None:
    """In this process a change counts at once."""
    _known.clear()


def buckets_of_person(user: User, unit: LimitUnit) -> list[Bucket]:
    found: dict[int, RateLimit] = {}
    for limit in _limits_of(user):
        if limit.unit == unit and limit.subject != LimitSubject.ROUTE:
            known = found.get(limit.period)
            if known is None or _rank(limit) > _rank(known):
                found[limit.period] = limit
    quotas = {period: (limit.amount, limit.capacity) for period, limit in found.items()}
    for period, default in _defaults(unit).items():
        if default:
            quotas.setdefault(period, (default, default))
    return [_bucket("user", str(user.pk), unit, period, amounts) for period, amounts in sorted(quotas.items())]


def buckets_of_key(key: ApiKey | None, unit: LimitUnit) -> list[Bucket]:
    if key is None:
        return []
    requests = unit is LimitUnit.REQUESTS
    quota = key.requests_per_minute if requests else key.tokens_per_day
    period = LimitPeriod.MINUTE if requests else LimitPeriod.DAY
    return [_bucket("key", str(key.pk), unit, period.value, (quota, quota))] if quota else []


def buckets_of_route(user: User, route: str) -> list[Bucket]:
    """Shared by all who ask that route."""
    limits = [one for one in _limits_of(user) if one.subject == LimitSubject.ROUTE and one.route == route]
    return [_bucket("route", one.route, LimitUnit(one.unit), one.period, (one.amount, one.capacity)) for one in limits]


def bucket_of_failed_keys(address: str) -> Bucket:
    return Bucket(
        name="address",
        key=f"limits:failed-keys:{address}",
        unit="failures",
        quota=FAILED_KEYS_PER_MINUTE,
        period=LimitPeriod.MINUTE.value,
        capacity=FAILED_KEYS_BURST,
    )


def _rank(limit: RateLimit) -> tuple[int, int]:
    return _SPECIFIC[LimitSubject(limit.subject)], limit.amount


def _defaults(unit: LimitUnit) -> dict[int, int]:
    if unit is LimitUnit.REQUESTS:
        return {LimitPeriod.MINUTE.value: settings.REQUESTS_PER_MINUTE}
    return {LimitPeriod.DAY.value: settings.TOKENS_PER_DAY}


def _bucket(who: str, name: str, unit: LimitUnit, period: int, amounts: tuple[int, int]) -> Bucket:
    """`amounts` are quota and capacity."""
    quota, capacity = amounts
    return Bucket(
        name=f"{who}-{unit.value}-{_PERIOD_NAMES[period]}",
        key=f"limits:{who}:{name}:{unit.value}:{period}",
        unit=unit.value,
        quota=quota,
        period=period,
        capacity=capacity,
    )


def _limits_of(user: User) -> Iterable[RateLimit]:
    now = time.monotonic()
    known = _known.get(user.pk)
    if known is None or known.until < now:
        if len(_known) >= MOST_REMEMBERED:
            _known.clear()
        known = _Known(now + REMEMBER_SECONDS, tuple(list_limits_that_apply(user)))
        _known[user.pk] = known
    return known.limits
