from dataclasses import dataclass

from chatapp.accounts.models import User
from chatapp.privacy.models import Kind
from chatapp.privacy.selectors.retention import list_rules, preview_for


@dataclass(frozen=True, slots=True)
class RuleRow:
    """`due` rows would be deleted by the next runs; None: the kind is kept for ever."""

    kind: Kind
    days: int | None
    due: int | None


def rule_rows(user: User) -> list[RuleRow]:
    preview = preview_for(user)
    return [RuleRow(kind, days, preview.get(kind)) for kind, days in list_rules().items()]
