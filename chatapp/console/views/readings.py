"""Asking for, approving and using the right to read somebody's conversations."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.permissions import can
from chatapp.api.lists import ListQuery, page_of
from chatapp.console.access import ConsoleRequest, console_page, go, tabs_for
from chatapp.console.read_models.readings import grant_row, parse_request, read_turns
from chatapp.conversations.forms import parse_leaf
from chatapp.conversations.readings import selectors, services
from chatapp.errors import ChatappError

PAGE_SIZE = 30


@require_GET
@console_page("conversations.view_readings")
def list_readings(request: ConsoleRequest) -> HttpResponse:
    return _list(request)


@require_POST
@console_page("conversations.request_reading")
def ask(request: ConsoleRequest) -> HttpResponse:
    try:
        grant = services.request_reading(user=request.user, **parse_request(request.POST))
    except ChatappError as error:
        if error.status != 400:
            raise
        return _list(request, problem=error.message)
    messages.success(request, f"Asked. Somebody else has to approve it before you can read {grant.person}'s messages.")
    return redirect("console_readings")


@require_POST
@console_page("conversations.approve_reading")
def decide(request: ConsoleRequest, grant_id: UUID) -> HttpResponse:
    approve = request.POST.get("decision") == "approve"
    said = "Approved. The person can see it on their own page." if approve else "Refused."
    return _act(request, lambda: services.decide_reading(user=request.user, grant_id=grant_id, approve=approve), said)


@require_POST
@console_page("conversations.view_readings")
def revoke(request: ConsoleRequest, grant_id: UUID) -> HttpResponse:
    return _act(request, lambda: services.revoke_reading(user=request.user, grant_id=grant_id), "Taken back.")


@require_GET
@console_page("conversations.request_reading")
def show_grant(request: ConsoleRequest, grant_id: UUID) -> HttpResponse:
    grant, conversations = services.list_by_grant(user=request.user, grant_id=grant_id)
    context = {"tabs": tabs_for(request), "grant": grant, "conversations": conversations}
    return render(request, "console/reading.html", context)


@require_GET
@console_page("conversations.request_reading")
def read(request: ConsoleRequest, grant_id: UUID, conversation_id: UUID) -> HttpResponse:
    grant, conversation, turns = services.read_by_grant(
        user=request.user, grant_id=grant_id, conversation_id=conversation_id, leaf_id=parse_leaf(request.GET)
    )
    context = {"grant": grant, "conversation": conversation, "turns": read_turns(turns)}
    return render(request, "console/read_conversation.html", {"tabs": tabs_for(request), **context})


def _act(request: ConsoleRequest, act: Callable[[], object], said: str) -> HttpResponse:
    try:
        act()
    except ChatappError as error:
        if error.code not in {"reading_own", "reading_decided"}:
            raise
        if request.htmx:
            messages.error(request, error.message)
            return go(request, "console_readings")
        return _list(request, problem=error.message, status=error.status)
    messages.success(request, said)
    return go(request, "console_readings")


def _list(request: ConsoleRequest, *, problem: str = "", status: int = 200) -> HttpResponse:
    query = ListQuery(limit=PAGE_SIZE, cursor=request.GET.get("cursor", "")[:200])
    grants = selectors.list_reading_grants_for(request.user)
    page = page_of(grants, query, lambda grant: grant_row(grant, user=request.user))
    context = {
        "page": page,
        "problem": problem,
        "asked": request.POST.dict(),
        "may_ask": can(request.user, "conversations.request_reading"),
        "longest": services.MAX_MINUTES,
    }
    status = 400 if problem and status == 200 else status
    return render(request, "console/readings.html", {"tabs": tabs_for(request), **context}, status=status)
