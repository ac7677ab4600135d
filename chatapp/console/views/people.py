from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.models import Role, User
from chatapp.accounts.permissions import can
from chatapp.accounts.selectors import list_api_keys_for, list_sign_ins_for
from chatapp.accounts.selectors.people import SOURCES, PeopleFilter, get_person_for, list_people_for
from chatapp.accounts.selectors.provisioning import groups_of_account
from chatapp.accounts.selectors.roles import list_custom_roles_for
from chatapp.accounts.services import disable_user, enable_user, set_roles, sign_out_everywhere
from chatapp.accounts.services.break_glass import appoint_break_glass, revoke_break_glass
from chatapp.api.lists import ListQuery, page_of
from chatapp.console.access import ConsoleRequest, console_page, go, tabs_for
from chatapp.console.read_models.people import given_roles, group_rows, person_row
from chatapp.console.read_models.roles import role_choices

PAGE_SIZE = 50
MOST_SHOWN = 100
_STATES = {"active": True, "closed": False}


@require_GET
@console_page("accounts.view_users")
def list_people(request: ConsoleRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "")[:200] for name in ("words", "state", "role", "group", "source")}
    wanted = PeopleFilter(
        active=_STATES.get(asked["state"]), **{name: text for name, text in asked.items() if name != "state"}
    )
    query = ListQuery(limit=PAGE_SIZE, cursor=request.GET.get("cursor", "")[:200])
    page = page_of(list_people_for(request.user, wanted), query, person_row, by="date_joined")
    context = {"page": page, "asked": asked, "sources": SOURCES, "roles": _all_roles(request.user)}
    context["link"] = urlencode({name: text for name, text in asked.items() if text})
    template = "console/_people_page.html" if request.htmx and query.cursor else "console/people.html"
    return render(request, template, {"tabs": tabs_for(request), **context})


@require_GET
@console_page("accounts.view_users")
def show_person(request: ConsoleRequest, user_id: UUID) -> HttpResponse:
    person = get_person_for(request.user, user_id)
    context = {
        "row": person_row(person),
        "given": given_roles(person),
        "groups": group_rows(person, groups_of_account(person)),
        "sign_ins": list_sign_ins_for(person)[:MOST_SHOWN],
        "keys": list_api_keys_for(person)[:MOST_SHOWN],
        "choices": role_choices(list(list_custom_roles_for(request.user))),
        "may_manage": can(request.user, "accounts.manage_users"),
        "may_give_roles": can(request.user, "accounts.manage_roles"),
        "may_manage_sign_in": can(request.user, "accounts.manage_sign_in"),
        "may_be_break_glass": person.is_active and person.has_role(Role.ADMINISTRATOR),
        "is_own": person == request.user,
    }
    return render(request, "console/person.html", {"tabs": tabs_for(request), **context})


@require_POST
@console_page("accounts.manage_users")
def close(request: ConsoleRequest, user_id: UUID) -> HttpResponse:
    return _act(request, user_id, disable_user, "The account is closed. Sessions, keys and answers have ended.")


@require_POST
@console_page("accounts.manage_users")
def open_again(request: ConsoleRequest, user_id: UUID) -> HttpResponse:
    return _act(request, user_id, enable_user, "The account is open again.")


@require_POST
@console_page("accounts.manage_users")
def sign_out(request: ConsoleRequest, user_id: UUID) -> HttpResponse:
    return _act(request, user_id, sign_out_everywhere, "All sessions of this person have ended.")


@require_POST
@console_page("accounts.manage_roles")
def give_roles(request: ConsoleRequest, user_id: UUID) -> HttpResponse:
    wanted = [Role.EMPLOYEE.value, *request.POST.getlist("roles")[:MOST_SHOWN]]
    return _act(request, user_id, set_roles, "The roles are changed and hold at once.", roles=wanted)


@require_POST
@console_page("accounts.manage_sign_in")
def name_break_glass(request: ConsoleRequest, user_id: UUID) -> HttpResponse:
    return _act(request, user_id, appoint_break_glass, "This is a break-glass administrator now.")


@require_POST
@console_page("accounts.manage_sign_in")
def end_break_glass(request: ConsoleRequest, user_id: UUID) -> HttpResponse:
    return _act(request, user_id, revoke_break_glass, "This is no break-glass administrator any more.")


def _act(
    request: ConsoleRequest, user_id: UUID, service: Callable[..., Any], said: str, **what: object
) -> HttpResponse:
    person = get_person_for(request.user, user_id)
    service(user=person, actor=request.user, reason=request.POST.get("reason", "").strip()[:1000], **what)
    messages.success(request, said)
    return go(request, "console_person", user_id=person.pk)


def _all_roles(user: User) -> list[tuple[str, str]]:
    return role_choices(list(list_custom_roles_for(user)))
