from typing import Any

from django import forms

from chatapp.forms import style_inputs
from chatapp.inference.budgets.services import MOST, BudgetPlace
from chatapp.inference.models import Budget, BudgetPeriod, BudgetSubject, BudgetUnit


class BudgetForm(forms.Form):
    """`arguments` are those of `set_budget`."""

    subject = forms.ChoiceField(choices=BudgetSubject.choices, label="For")
    name = forms.CharField(
        required=False, max_length=150, label="Name", help_text="Of the person or the group; empty for everyone."
    )
    unit = forms.ChoiceField(choices=BudgetUnit.choices, label="Counted in")
    period = forms.ChoiceField(choices=BudgetPeriod.choices, label="Each")
    soft = forms.DecimalField(
        required=False, min_value=0, max_value=MOST, decimal_places=6, label="Told from", help_text="The soft limit."
    )
    hard = forms.DecimalField(
        required=False,
        min_value=0,
        max_value=MOST,
        decimal_places=6,
        label="Refused from",
        help_text="The hard limit. Answers that run then go on.",
    )
    contact = forms.CharField(
        required=False, max_length=100, label="Whom to ask", help_text="Told to people; empty: their administrator."
    )
    note = forms.CharField(required=False, max_length=300, label="Note", help_text="Why; only shown here.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        style_inputs(self)

    def arguments(self) -> dict[str, Any]:
        given = self.cleaned_data
        place = BudgetPlace(
            subject=BudgetSubject(given["subject"]),
            unit=BudgetUnit(given["unit"]),
            period=BudgetPeriod(given["period"]),
            name=given["name"],
        )
        return {"place": place, **{name: given[name] for name in ("soft", "hard", "contact", "note")}}


def fields_of(budget: Budget) -> dict[str, object]:
    """What the form shows of one that is to be changed."""
    limits = {name: value and f"{value.normalize():f}" for name, value in budget.limits.items()}
    same = {name: getattr(budget, name) for name in ("subject", "unit", "period", "contact", "note")}
    return {**same, **limits, "name": budget.subject_name}
