"""How one budget stands: what was spent of it in the current period."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from chatapp.inference.budgets.periods import Period
from chatapp.inference.models import Budget, BudgetLevel, BudgetSubject, BudgetUnit


@dataclass(frozen=True, slots=True)
class Standing:
    """`user_id` is the person whose use it is, None for a group's; `who` is their name where it was looked up."""

    budget: Budget
    period: Period
    spent: Decimal
    user_id: UUID | None
    who: str = ""

    @property
    def amount(self) -> Decimal:
        """What is all of it: the hard limit, else the soft one."""
        return self.budget.hard or self.budget.soft or Decimal(0)

    @property
    def percent(self) -> int:
        """Rounded down; more than 100 where answers that ran used more, or where nothing is refused."""
        return int(100 * self.spent / self.amount)

    @property
    def bar(self) -> int:
        """As `percent`, for a bar that ends at all of it."""
        return min(100, self.percent)

    @property
    def level(self) -> BudgetLevel | None:
        """The highest that is reached."""
        if self.budget.hard is not None and self.spent >= self.budget.hard:
            return BudgetLevel.HARD
        if self.budget.soft is not None and self.spent >= self.budget.soft:
            return BudgetLevel.SOFT
        return None

    @property
    def name(self) -> str:
        """As the person whom it binds reads it: `Your budget of 10,000 tokens a day`."""
        budget = self.budget
        whose = f"The budget of {budget.subject_name}," if budget.subject == BudgetSubject.GROUP else "Your budget of"
        return f"{whose} {words_of(self.amount, BudgetUnit(budget.unit))} a {budget.period}"


def words_of(amount: Decimal, unit: BudgetUnit) -> str:
    """`10,000 tokens`; cost has the currency of the prices, which is not named anywhere."""
    return f"{amount:,.0f} tokens" if unit is BudgetUnit.TOKENS else f"{amount:,.2f} of cost"
