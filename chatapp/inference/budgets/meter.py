"""Asked before a question is stored: may its asker use more? It costs two small queries in REMEMBER_SECONDS."""

import math
import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.inference.budgets.selectors import standings_of
from chatapp.inference.budgets.standings import Standing
from chatapp.inference.models import BudgetLevel

# So long what was used, and a changed budget, may take to count. With the answers that run, all that overshoots.
REMEMBER_SECONDS = 10.0
MOST_REMEMBERED = 10_000
WHOM = "your administrator"


@dataclass(frozen=True, slots=True)
class BudgetReached:
    """That most of a budget is used, for who asked. `name` begins a sentence."""

    standing: Standing

    @property
    def name(self) -> str:
        return self.standing.name

    @property
    def percent(self) -> int:
        return self.standing.percent

    @property
    def until(self) -> datetime:
        return self.standing.period.ends_at

    @property
    def whom(self) -> str:
        return self.standing.budget.contact or WHOM


@dataclass(frozen=True, slots=True)
class _Known:
    until: float
    standings: list[Standing]


_known: dict[UUID, _Known] = {}


def forget_standings() -> None:
    """In this process a change counts at once."""
    _known.clear()


def require_budget(*, user: User) -> BudgetReached | None:
    """What the strictest budget says that has reached its soft limit, if one has.

    Raises ChatappError("budget_used_up") when a hard limit is reached: of several the one that lasts longest.
    """
    reached = [standing for standing in _standings(user) if standing.level is not None]
    used_up = [standing for standing in reached if standing.level is BudgetLevel.HARD]
    if used_up:
        raise _refusal(max(used_up, key=lambda standing: standing.period.ends_at))
    return BudgetReached(max(reached, key=lambda standing: standing.percent)) if reached else None


def _refusal(standing: Standing) -> ChatappError:
    ends_at = standing.period.ends_at
    return ChatappError(
        "budget_used_up",
        budget=standing.name,
        until=f"{timezone.localtime(ends_at):%-d %B, %H:%M}",
        whom=standing.budget.contact or WHOM,
        seconds=max(1, math.ceil((ends_at - timezone.now()).total_seconds())),
    )


def _standings(user: User) -> list[Standing]:
    now = time.monotonic()
    known = _known.get(user.pk)
    if known is None or known.until < now or any(s.period.ends_at <= timezone.now() for s in known.standings):
        if len(_known) >= MOST_REMEMBERED:
            _known.clear()
        known = _Known(now + REMEMBER_SECONDS, standings_of(user))
        _known[user.pk] = known
    return known.standings
