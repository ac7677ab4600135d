"""How much people and groups may use in a day, week or month of the calendar: sums of what answers and side work used.

`periods` says when they begin, `sql` sums, `standings` says how a budget stands, `meter` is asked before a question
is stored. Beside them the token buckets of accounts/limits bound what is used at once. docs/limits.md tells the rules.
"""

from chatapp.inference.budgets.meter import BudgetReached, require_budget

__all__ = ["BudgetReached", "require_budget"]
