from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.selectors import get_user_by_name
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.read_models.privacy import rule_rows
from chatapp.errors import ChatappError
from chatapp.forms import style_inputs
from chatapp.privacy.models import HoldScope, Kind
from chatapp.privacy.selectors.erasures import get_erasure_for, is_genuine, list_erasures_for
from chatapp.privacy.selectors.holds import list_holds_for
from chatapp.privacy.selectors.retention import list_runs_for
from chatapp.privacy.services import erasures, holds, retention

LISTED = 100
RUNS = 10


class RuleForm(forms.Form):
    kind = forms.ChoiceField(choices=Kind.choices)
    days = forms.IntegerField(required=False, min_value=1, max_value=retention.MAX_DAYS)


class _Styled(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        style_inputs(self)


class HoldForm(_Styled):
    scope = forms.ChoiceField(choices=HoldScope.choices, label="Covers")
    name = forms.CharField(required=False, max_length=150, help_text="User name, or slug of a collection.")
    reason = forms.CharField(max_length=holds.MAX_REASON_CHARACTERS)


class ErasureForm(_Styled):
    person = forms.CharField(max_length=150, label="User name")
    confirmation = forms.CharField(max_length=150, label="The same once more")
    reason = forms.CharField(required=False, max_length=erasures.MAX_REASON_CHARACTERS)


@require_GET
@console_page("privacy.manage")
def show_privacy(request: ConsoleRequest) -> HttpResponse:
    return _page(request)


@require_POST
@console_page("privacy.manage")
def set_rule(request: ConsoleRequest) -> HttpResponse:
    form = RuleForm(request.POST)
    if not form.is_valid():
        raise ChatappError("invalid", detail=f"days are 1 to {retention.MAX_DAYS:,}, or empty for ever.")
    retention.set_rule(user=request.user, **form.cleaned_data)
    return redirect("console_privacy")


@require_POST
@console_page("privacy.manage")
def place_hold(request: ConsoleRequest) -> HttpResponse:
    form = HoldForm(request.POST)
    if form.is_valid():
        try:
            holds.place_hold(user=request.user, **form.cleaned_data)
            return redirect("console_privacy")
        except ChatappError as error:
            form.add_error(None, error.message)
    return _page(request, hold_form=form)


@require_POST
@console_page("privacy.manage")
def release_hold(request: ConsoleRequest, hold_id: UUID) -> HttpResponse:
    holds.release_hold(user=request.user, hold_id=hold_id)
    return redirect("console_privacy")


@require_POST
@console_page("privacy.manage")
def ask_for_erasure(request: ConsoleRequest) -> HttpResponse:
    form = ErasureForm(request.POST)
    if form.is_valid():
        asked = form.cleaned_data
        try:
            person = get_user_by_name(asked.pop("person"))
            if person is None:
                raise ChatappError("invalid", detail="there is no such person.")  # noqa: TRY301 (shown like the others)
            erasures.request_erasure(user=request.user, person=person, **asked)
            return redirect("console_privacy")
        except ChatappError as error:
            form.add_error(None, error.message)
    return _page(request, erasure_form=form)


@require_POST
@console_page("privacy.manage")
def cancel_erasure(request: ConsoleRequest, erasure_id: UUID) -> HttpResponse:
    erasures.cancel_erasure(user=request.user, erasure_id=erasure_id)
    return redirect("console_privacy")


@require_GET
@console_page("privacy.manage")
def show_receipt(request: ConsoleRequest, erasure_id: UUID) -> HttpResponse:
    erasure = get_erasure_for(request.user, erasure_id)
    context = {"tabs": tabs_for(request), "erasure": erasure, "is_genuine": is_genuine(erasure)}
    return render(request, "console/receipt.html", context)


def _page(
    request: ConsoleRequest, *, hold_form: HoldForm | None = None, erasure_form: ErasureForm | None = None
) -> HttpResponse:
    context = {
        "tabs": tabs_for(request),
        "rules": rule_rows(request.user),
        "holds": list_holds_for(request.user)[:LISTED],
        "hold_form": hold_form or HoldForm(),
        "erasures": list_erasures_for(request.user)[:LISTED],
        "erasure_form": erasure_form or ErasureForm(),
        "runs": list_runs_for(request.user)[:RUNS],
    }
    return render(request, "console/privacy.html", context, status=400 if hold_form or erasure_form else 200)
