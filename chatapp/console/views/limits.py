from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from chatapp.accounts.models import LimitPeriod, LimitSubject, LimitUnit
from chatapp.accounts.selectors import get_rate_limit_for, list_rate_limits_for
from chatapp.accounts.services import remove_rate_limit, set_rate_limit
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.read_models.limits import standing_limits
from chatapp.errors import ChatappError
from chatapp.forms import style_inputs

LISTED = 1_000


class LimitForm(forms.Form):
    """`arguments` are those of `set_rate_limit`."""

    subject = forms.ChoiceField(choices=LimitSubject.choices, label="For")
    name = forms.CharField(required=False, max_length=150, help_text="Of the user, group or route; empty for everyone.")
    amount = forms.IntegerField(min_value=1, max_value=10**12)
    unit = forms.ChoiceField(choices=LimitUnit.choices)
    period = forms.TypedChoiceField(choices=LimitPeriod.choices, coerce=int, label="Each")
    burst = forms.IntegerField(
        required=False, min_value=1, max_value=10**12, help_text="Most at once; empty for the amount itself."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        style_inputs(self)

    def arguments(self) -> dict[str, Any]:
        given = self.cleaned_data
        kinds = {"subject": LimitSubject(given["subject"]), "unit": LimitUnit(given["unit"])}
        return {**given, **kinds, "period": LimitPeriod(given["period"])}


@require_http_methods(["GET", "POST"])
@console_page("accounts.manage_limits")
def list_limits(request: ConsoleRequest) -> HttpResponse:
    form = LimitForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            set_rate_limit(actor=request.user, **form.arguments())
        except ChatappError as error:
            if error.status != 400:
                raise
            form.add_error(None, error.message)
        else:
            return redirect("console_limits")
    return _page(request, form=form, status=400 if form.errors else 200)


@require_POST
@console_page("accounts.manage_limits")
def remove(request: ConsoleRequest, limit_id: UUID) -> HttpResponse:
    remove_rate_limit(actor=request.user, limit=get_rate_limit_for(request.user, limit_id))
    if not request.htmx:
        return redirect("console_limits")
    return _page(request, template="console/_limits.html", said="The limit is removed.")


def _page(
    request: ConsoleRequest, *, template: str = "console/limits.html", status: int = 200, **context: object
) -> HttpResponse:
    limits = list(list_rate_limits_for(request.user)[:LISTED])
    shown = {"tabs": tabs_for(request), "limits": limits, "standing": standing_limits()}
    return render(request, template, {**shown, **context}, status=status)
