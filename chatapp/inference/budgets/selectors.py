from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can, require
from chatapp.errors import ChatappError
from chatapp.inference.budgets.periods import period_of
from chatapp.inference.budgets.sql import Asked, list_spenders, sum_spent
from chatapp.inference.budgets.standings import Standing
from chatapp.inference.models import (
    Budget,
    BudgetAudience,
    BudgetLevel,
    BudgetNotice,
    BudgetPeriod,
    BudgetSubject,
    BudgetUnit,
)

NOTICES_SHOWN = timedelta(days=7)
MOST_NOTICES = 50
MOST_SPENDERS = 200
FIRST_SPENDERS = 5


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """A budget as who manages it sees it; of everyone's, `standings` are the people who used the most of it."""

    budget: Budget
    standings: list[Standing]

    @property
    def shown(self) -> list[Standing]:
        return self.standings[:FIRST_SPENDERS]

    @property
    def refused(self) -> int:
        """How many people, or whether the group, may ask nothing until the period is over."""
        return sum(standing.level is BudgetLevel.HARD for standing in self.standings)

    @property
    def more(self) -> int:
        return max(0, len(self.standings) - FIRST_SPENDERS)


def list_budgets_for(user: User) -> QuerySet[Budget]:
    """Everyone's first, then by name; none for those who do not set them."""
    budgets = Budget.objects.select_related("user", "group", "updated_by")
    ordered = budgets.order_by("subject", "group__name", "user__username", "unit", "period", "pk")
    return ordered if can(user, "inference.manage_budgets") else ordered.none()


def get_budget_for(user: User, budget_id: UUID) -> Budget:
    """Raises ChatappError: forbidden, not_found."""
    require(user, "inference.manage_budgets")
    budget = list_budgets_for(user).filter(pk=budget_id).first()
    if budget is None:
        raise ChatappError("not_found")
    return budget


def list_lines_for(user: User) -> list[BudgetLine]:
    """Every budget with how it stands. A query for all, and one more for each of everyone's, which are six at most."""
    return lines_of(list(list_budgets_for(user)))


def lines_of(budgets: list[Budget]) -> list[BudgetLine]:
    """Everyone's come with those who used at least their soft limit, else with who used the most."""
    shared = [budget for budget in budgets if budget.subject == BudgetSubject.EVERYONE]
    single = [budget for budget in budgets if budget.subject != BudgetSubject.EVERYONE]
    lines = [BudgetLine(budget, _spenders_of(budget)) for budget in shared]
    return lines + [BudgetLine(standing.budget, [standing]) for standing in _stand(single, None)]


def standings_of(user: User) -> list[Standing]:
    """All budgets that bind the person, and what was spent of each: two queries, or one where there is none.

    A budget of their own takes the place of everyone's for the same unit and period; groups' bind beside it.
    """
    return _stand(_binding(user), user)


def list_budget_notices_for(user: User) -> QuerySet[BudgetNotice]:
    """What reached a limit in the last week, newest first: for those who set budgets."""
    recent = BudgetNotice.objects.filter(audience=BudgetAudience.MANAGERS, at__gt=timezone.now() - NOTICES_SHOWN)
    recent = recent.select_related("budget__user", "budget__group", "user").order_by("-at", "-pk")
    return recent[:MOST_NOTICES] if can(user, "inference.manage_budgets") else recent.none()


def count_used_up_for(user: User) -> int:
    """Budgets whose hard limit is reached in their current period, each person of everyone's; 0 for other users."""
    if not can(user, "inference.manage_budgets"):
        return 0
    current = Q()
    for kind in BudgetPeriod:
        current |= Q(budget__period=kind, starts_on=period_of(kind).starts_on)
    reached = BudgetNotice.objects.filter(current, audience=BudgetAudience.MANAGERS, level=BudgetLevel.HARD)
    return reached.count()


def _binding(user: User) -> list[Budget]:
    shared = Q(subject=BudgetSubject.EVERYONE) | Q(user=user) | Q(group__in=user.groups.values("id"))
    found = list(Budget.objects.filter(shared).select_related("user", "group"))
    own = {(budget.unit, budget.period) for budget in found if budget.subject == BudgetSubject.USER}
    return [b for b in found if b.subject != BudgetSubject.EVERYONE or (b.unit, b.period) not in own]


def _stand(budgets: Iterable[Budget], user: User | None) -> list[Standing]:
    now = timezone.now()
    asked = [(budget, _ask(budget, user, now)) for budget in budgets]
    spent = sum_spent([one for _, one in asked])
    return [
        Standing(budget, period_of(BudgetPeriod(budget.period), now), amount, one.user_id)
        for (budget, one), amount in zip(asked, spent, strict=True)
    ]


def _ask(budget: Budget, user: User | None, now: datetime) -> Asked:
    since = period_of(BudgetPeriod(budget.period), now).starts_at
    whose = user.pk if budget.subject == BudgetSubject.EVERYONE and user is not None else budget.user_id
    return Asked(unit=BudgetUnit(budget.unit), since=since, user_id=whose, group_id=budget.group_id)


def _spenders_of(budget: Budget) -> list[Standing]:
    period = period_of(BudgetPeriod(budget.period))
    told = budget.soft or budget.hard or Decimal(0)
    unit, since = BudgetUnit(budget.unit), period.starts_at
    found = list_spenders(unit=unit, period=budget.period, since=since, least=told, limit=MOST_SPENDERS)
    if not found:
        found = list_spenders(unit=unit, period=budget.period, since=since, least=Decimal(0), limit=1)
    return [Standing(budget, period, spent, user_id, name) for user_id, name, spent in found]
