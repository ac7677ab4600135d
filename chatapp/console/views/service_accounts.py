from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from chatapp.accounts.key_forms import KeyForm
from chatapp.accounts.models import Role
from chatapp.accounts.selectors import service_accounts as selectors
from chatapp.accounts.selectors.roles import list_custom_roles_for
from chatapp.accounts.services import service_accounts as services
from chatapp.console.access import ConsoleRequest, console_page, go, tabs_for
from chatapp.errors import ChatappError
from chatapp.forms import style_inputs

MANAGE = "accounts.manage_service_accounts"
LISTED = 500
ENDS_SOON = timedelta(days=14)


class OwnerForm(forms.Form):
    owner = forms.CharField(required=False, max_length=150, help_text="User name of the person who answers for it.")
    group = forms.CharField(required=False, max_length=150, help_text="Or the company group that does.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        style_inputs(self, leave=["roles"])


class AccountForm(OwnerForm):
    username = forms.CharField(max_length=64, help_text="Of a-z, 0-9, dots, hyphens and underscores.")
    purpose = forms.CharField(max_length=200, help_text="What the program does.")
    roles = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    field_order = ["username", "purpose", "owner", "group", "roles"]

    def __init__(self, *args: Any, roles: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"] = forms.MultipleChoiceField(
            choices=roles, required=False, widget=forms.CheckboxSelectMultiple, initial=[Role.EMPLOYEE.value]
        )


@require_http_methods(["GET", "POST"])
@console_page(MANAGE)
def list_accounts(request: ConsoleRequest) -> HttpResponse:
    form = AccountForm(request.POST or None, roles=_role_choices(request))
    if request.method == "POST" and form.is_valid():
        account = _tried(form, lambda: services.create_service_account(actor=request.user, **form.cleaned_data))
        if account is not None:
            messages.success(request, f"{account.user.username} is there. Make a key for it next.")
            return redirect("console_service_account", account.pk)
    accounts = list(selectors.list_service_accounts_for(request.user)[:LISTED])
    context = {"tabs": tabs_for(request), "accounts": accounts, "form": form, **_times()}
    return render(request, "console/service_accounts.html", context, status=400 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "POST"])
@console_page(MANAGE)
def show_account(request: ConsoleRequest, account_id: UUID) -> HttpResponse:
    account = selectors.get_service_account_for(request.user, account_id)
    form = KeyForm(request.POST or None)
    made = None
    if request.method == "POST" and form.is_valid():
        options = form.arguments()
        made = _tried(form, lambda: services.create_service_key(actor=request.user, account=account, **options))
        form = KeyForm() if made else form
    created, raw = made or (None, "")
    context: dict[str, Any] = {
        "form": form,
        "created": created,
        "raw": raw,
        "owner_form": OwnerForm(initial=_owner(account)),
    }
    return _account_page(request, account_id, status=400 if form.errors else 200, **context)


@require_POST
@console_page(MANAGE)
def revoke_key(request: ConsoleRequest, account_id: UUID, key_id: UUID) -> HttpResponse:
    key = selectors.get_service_key_for(request.user, account_id, key_id)
    services.revoke_service_key(actor=request.user, key=key)
    if not request.htmx:
        return redirect("console_service_account", account_id)
    said = f"The key {key.name or key.prefix} is revoked."
    return _account_page(request, account_id, template="console/_service_keys.html", said=said)


@require_POST
@console_page(MANAGE)
def change_owner(request: ConsoleRequest, account_id: UUID) -> HttpResponse:
    account = selectors.get_service_account_for(request.user, account_id)
    form = OwnerForm(request.POST)
    if not form.is_valid():
        raise ChatappError("invalid", detail="owner: at most 150 characters.")
    services.change_service_owner(actor=request.user, account=account, **form.cleaned_data)
    messages.success(request, "Somebody else answers for it now.")
    return redirect("console_service_account", account_id)


@require_POST
@console_page(MANAGE)
def set_active(request: ConsoleRequest, account_id: UUID) -> HttpResponse:
    account = selectors.get_service_account_for(request.user, account_id)
    active = request.POST.get("active") == "1"
    services.set_service_active(actor=request.user, account=account, active=active)
    messages.success(request, "Its keys work again." if active else "It is disabled: its keys are refused.")
    return go(request, "console_service_account", account_id=account_id)


def _tried(form: forms.Form, make: Any) -> Any:
    """What `make` gives; None when it was refused in a way that the form can tell."""
    try:
        return make()
    except ChatappError as error:
        if error.status not in {400, 409}:
            raise
        form.add_error(None, error.message)
        return None


def _account_page(
    request: ConsoleRequest,
    account_id: UUID,
    *,
    template: str = "console/service_account.html",
    status: int = 200,
    **context: object,
) -> HttpResponse:
    account = selectors.get_service_account_for(request.user, account_id)
    keys = list(selectors.list_service_keys_for(request.user, account_id)[:LISTED])
    action = reverse("console_service_account", args=[account_id])
    shown = {"tabs": tabs_for(request), "account": account, "keys": keys, "action": action, **_times()}
    return render(request, template, {**shown, **context}, status=status)


def _owner(account: Any) -> dict[str, str]:
    return {
        "owner": account.owner.username if account.owner else "",
        "group": account.owner_group.name if account.owner_group else "",
    }


def _role_choices(request: ConsoleRequest) -> list[tuple[str, str]]:
    return [*Role.choices, *((role.slug, role.name) for role in list_custom_roles_for(request.user))]


def _times() -> dict[str, object]:
    now = timezone.now()
    return {"now": now, "soon": now + ENDS_SOON}
