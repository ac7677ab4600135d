from chatapp.inference.budgets.services.setting import (
    MOST,
    MOST_BUDGETS,
    BudgetPlace,
    describe,
    remove_budget,
    set_budget,
)
from chatapp.inference.budgets.services.telling import mail_notices, note_reached, tell_once

__all__ = [
    "MOST",
    "MOST_BUDGETS",
    "BudgetPlace",
    "describe",
    "mail_notices",
    "note_reached",
    "remove_budget",
    "set_budget",
    "tell_once",
]
