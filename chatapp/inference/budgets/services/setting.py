"""Budgets are set and removed by those who may; each change is audited."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.inference.budgets.meter import forget_standings
from chatapp.inference.models import (
    Budget,
    BudgetPeriod,
    BudgetSubject,
    BudgetUnit,
)

MOST = Decimal(10**12)
MOST_BUDGETS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetPlace:
    """What there is one budget of. `name` is a user's or a group's; empty for everyone."""

    subject: BudgetSubject
    unit: BudgetUnit
    period: BudgetPeriod
    name: str = ""


@transaction.atomic
def set_budget(
    *,
    actor: User,
    place: BudgetPlace,
    soft: Decimal | None,
    hard: Decimal | None,
    contact: str = "",
    note: str = "",
) -> Budget:
    """Sets the one budget of that place. Counts at once in this process, in others within seconds.

    Raises ChatappError: forbidden, invalid (nobody has that name, or amounts that limit nothing).
    """
    require(actor, "inference.manage_budgets")
    _check_amounts(place.unit, soft, hard)
    where: dict[str, Any] = {"subject": place.subject, "unit": place.unit, "period": place.period}
    where |= _subject(place.subject, place.name.strip())
    before = Budget.objects.select_for_update().filter(**where).first()
    if before is None and Budget.objects.count() >= MOST_BUDGETS:
        raise ChatappError("invalid", detail=f"there are {MOST_BUDGETS} budgets, which is the most. Remove one first.")
    values = {"soft": soft, "hard": hard, "contact": contact.strip()[:100], "note": note.strip()[:300]}
    budget, _ = Budget.objects.update_or_create(**where, defaults={**values, "updated_by": actor})
    if before is not None and (before.soft, before.hard) != (soft, hard):
        budget.notices.all().delete()  # Other limits: who reaches them is told anew.
    old = describe(before) if before else None
    record_event(actor=actor, action="budget.set", obj=budget, before=old, after=describe(budget))
    transaction.on_commit(forget_standings)
    return budget


@transaction.atomic
def remove_budget(*, actor: User, budget: Budget) -> None:
    """Raises ChatappError("forbidden")."""
    require(actor, "inference.manage_budgets")
    record_event(actor=actor, action="budget.removed", obj=budget, before=describe(budget))
    budget.delete()
    transaction.on_commit(forget_standings)


def describe(budget: Budget) -> dict[str, object]:
    """For the audit log."""
    limits = {name: None if value is None else f"{value.normalize():f}" for name, value in budget.limits.items()}
    place = {"subject": budget.subject, "name": budget.subject_name, "unit": budget.unit, "period": budget.period}
    return {**place, **limits, "contact": budget.contact, "note": budget.note}


def _check_amounts(unit: BudgetUnit, soft: Decimal | None, hard: Decimal | None) -> None:
    given = [amount for amount in (soft, hard) if amount is not None]
    if not given:
        raise ChatappError("invalid", detail="give a soft limit, a hard one, or both.")
    if not all(amount.is_finite() and 0 < amount <= MOST for amount in given):
        raise ChatappError("invalid", detail=f"limits lie above 0 and are at most {MOST:,}.")
    if unit is BudgetUnit.TOKENS and any(amount % 1 for amount in given):
        raise ChatappError("invalid", detail="tokens are whole numbers.")
    if any(amount != round(amount, 6) for amount in given):
        raise ChatappError("invalid", detail="cost has six decimals at most.")
    if soft is not None and hard is not None and soft > hard:
        raise ChatappError("invalid", detail="the soft limit is above the hard one.")


def _subject(subject: BudgetSubject, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"user": None, "group": None}
    if "\0" in name:
        raise ChatappError("invalid", detail="name: it holds a character that names never have.")
    if subject is BudgetSubject.USER:
        found["user"] = User.objects.filter(username=name).first()
    elif subject is BudgetSubject.GROUP:
        found["group"] = Group.objects.filter(name=name).first()
    elif name:
        raise ChatappError("invalid", detail="name: everyone has none.")
    if subject is not BudgetSubject.EVERYONE and not found[subject.value]:
        raise ChatappError("invalid", detail=f"name: there is no {subject.value} of this name.")
    return found
