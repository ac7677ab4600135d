from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chatapp.accounts.models import CustomRole
from chatapp.accounts.selectors.roles import (
    get_custom_role_for,
    get_group_for,
    list_custom_roles_for,
    list_groups_for,
)
from chatapp.accounts.services import change_custom_role, create_custom_role, delete_custom_role, set_group_roles
from chatapp.console.access import ConsoleRequest, console_page, go, tabs_for
from chatapp.console.read_models.roles import permission_choices, role_choices, role_matrix
from chatapp.errors import ChatappError
from chatapp.forms import style_inputs

SHOWN_GROUPS = 200


class RoleForm(forms.Form):
    name = forms.CharField(max_length=100, label="Name")
    slug = forms.CharField(
        max_length=32, label="Short name", help_text="Of a-z, 0-9, - and _. It stays when the name changes."
    )
    permissions = forms.MultipleChoiceField(
        choices=permission_choices, widget=forms.CheckboxSelectMultiple, label="Permissions"
    )

    def __init__(self, *args: Any, role: CustomRole | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if role is not None:
            del self.fields["slug"]
            self.initial = {"name": role.name, "permissions": role.permissions}
        style_inputs(self, leave=["permissions"])


@require_GET
@console_page("accounts.manage_roles")
def list_roles(request: ConsoleRequest) -> HttpResponse:
    custom = list(list_custom_roles_for(request.user))
    groups = list(list_groups_for(request.user)[: SHOWN_GROUPS + 1])
    context = {
        "matrix": role_matrix(custom),
        "custom": custom,
        "choices": role_choices(custom),
        "groups": [(group, {given.role for given in group.given_roles.all()}) for group in groups[:SHOWN_GROUPS]],
        "has_more_groups": len(groups) > SHOWN_GROUPS,
    }
    return render(request, "console/roles.html", {"tabs": tabs_for(request), **context})


@require_http_methods(["GET", "POST"])
@console_page("accounts.manage_roles")
def new_role(request: ConsoleRequest) -> HttpResponse:
    form = RoleForm(request.POST or None)
    if request.method == "GET" or not form.is_valid():
        return _form(request, form)
    try:
        role = create_custom_role(actor=request.user, **form.cleaned_data)
    except ChatappError as error:
        return _refuse(request, form, error)
    return _back(request, f"The role {role.name} is made. Give it to people or to a group.")


@require_http_methods(["GET", "POST"])
@console_page("accounts.manage_roles")
def edit_role(request: ConsoleRequest, slug: str) -> HttpResponse:
    role = get_custom_role_for(request.user, slug)
    form = RoleForm(request.POST or None, role=role)
    if request.method == "GET" or not form.is_valid():
        return _form(request, form, role)
    try:
        changed = change_custom_role(actor=request.user, role=role, **form.cleaned_data)
    except ChatappError as error:
        return _refuse(request, form, error, role)
    return _back(request, f"The role {changed.name} is saved. All who have it have these rights now.")


@require_POST
@console_page("accounts.manage_roles")
def delete_role(request: ConsoleRequest, slug: str) -> HttpResponse:
    role = get_custom_role_for(request.user, slug)
    delete_custom_role(actor=request.user, role=role)
    return _back(request, f"The role {role.name} is deleted. Nobody has it any more.")


@require_POST
@console_page("accounts.manage_roles")
def give_group_roles(request: ConsoleRequest, group_id: int) -> HttpResponse:
    group = get_group_for(request.user, group_id)
    set_group_roles(group=group, roles=request.POST.getlist("roles"), actor=request.user)
    return _back(request, f"Members of {group.name} have what you chose from now on.")


def _form(request: ConsoleRequest, form: RoleForm, role: CustomRole | None = None) -> HttpResponse:
    template = "console/_role_form.html" if request.htmx else "console/role.html"
    status = 400 if form.errors else 200
    return render(request, template, {"tabs": tabs_for(request), "form": form, "role": role}, status=status)


def _refuse(
    request: ConsoleRequest, form: RoleForm, error: ChatappError, role: CustomRole | None = None
) -> HttpResponse:
    if error.code not in {"invalid", "exists"}:
        raise error
    form.add_error("slug" if error.code == "exists" else None, error.message)
    return _form(request, form, role)


def _back(request: ConsoleRequest, said: str) -> HttpResponse:
    messages.success(request, said)
    return go(request, "console_roles")
