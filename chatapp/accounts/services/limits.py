"""Limits for everyone, groups, people and routes. Each change is audited and counts within seconds everywhere."""

from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from chatapp.accounts.models import LimitPeriod, LimitSubject, LimitUnit, RateLimit, User
from chatapp.accounts.permissions import require
from chatapp.accounts.services.audit import record_event
from chatapp.errors import ChatappError

MOST = 10**12
MOST_LIMITS = 1_000


@transaction.atomic
def set_rate_limit(
    *,
    actor: User,
    subject: LimitSubject,
    name: str,
    unit: LimitUnit,
    period: LimitPeriod,
    amount: int,
    burst: int | None = None,
) -> RateLimit:
    """Sets the one limit of this subject, unit and period; `name` is a user's, a group's or a route's.

    Raises ChatappError: forbidden, invalid (nobody has that name, or an amount out of range).
    """
    require(actor, "accounts.manage_limits")
    if not (1 <= amount <= MOST and (burst is None or 1 <= burst <= MOST)):
        raise ChatappError("invalid", detail=f"amount: between 1 and {MOST:,}.")
    place: dict[str, Any] = {"subject": subject, "unit": unit, "period": period, **_subject(subject, name.strip())}
    before = RateLimit.objects.select_for_update().filter(**place).first()
    if before is None and RateLimit.objects.count() >= MOST_LIMITS:
        raise ChatappError("invalid", detail=f"there are {MOST_LIMITS:,} limits, which is the most. Remove one first.")
    limit, _ = RateLimit.objects.update_or_create(**place, defaults={"amount": amount, "burst": burst})
    old = describe(before) if before else None
    record_event(actor=actor, action="limit.set", obj=limit, before=old, after=describe(limit))
    transaction.on_commit(_forget)
    return limit


@transaction.atomic
def remove_rate_limit(*, actor: User, limit: RateLimit) -> None:
    """Raises ChatappError("forbidden")."""
    require(actor, "accounts.manage_limits")
    limit.refresh_from_db()
    record_event(actor=actor, action="limit.removed", obj=limit, before=describe(limit))
    limit.delete()
    transaction.on_commit(_forget)


def describe(limit: RateLimit) -> dict[str, object]:
    """For the audit log."""
    return {
        "subject": limit.subject,
        "name": limit.subject_name,
        "unit": limit.unit,
        "per_seconds": limit.period,
        "amount": limit.amount,
        "burst": limit.burst,
    }


def _subject(subject: LimitSubject, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"user": None, "group": None, "route": ""}
    if subject is LimitSubject.USER:
        found["user"] = User.objects.filter(username=name).first()
    elif subject is LimitSubject.GROUP:
        found["group"] = Group.objects.filter(name=name).first()
    elif subject is LimitSubject.ROUTE:
        found["route"] = name[:64]
    if subject is not LimitSubject.EVERYONE and not found[subject.value]:
        raise ChatappError("invalid", detail=f"name: there is no {subject.value} of this name.")
    return found


def _forget() -> None:
    from chatapp.accounts.limits.allowances import forget_limits

    forget_limits()
