"""Blind comparisons: started, watched, closed; and what the votes say."""

from collections.abc import Callable
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.permissions import can
from chatapp.api.lists import ListQuery, page_of
from chatapp.console.access import ConsoleRequest, console_page, go, tabs_for
from chatapp.console.comparison_drafts import find_rollout, parse_comparison
from chatapp.console.read_models.comparisons import comparison_view, comparison_views
from chatapp.errors import ChatappError
from chatapp.evaluation import services
from chatapp.evaluation.comparing.questions import MOST_PAIRS
from chatapp.evaluation.models import Audience, Comparison, ComparisonState, QuestionsFrom
from chatapp.evaluation.selectors import (
    filter_comparisons,
    get_comparison_for,
    list_comparisons_for,
    list_questions_for,
    may_read_pairs,
    results_of,
)
from chatapp.evaluation.services.comparisons import MOST_VOTES
from chatapp.inference.models import RolloutKind
from chatapp.inference.selectors import list_rollouts_for, list_versions_for
from chatapp.retrieval.selectors import list_collections_for

PAGE_SIZE = 30
OFFERED = 500
MANAGE = "evaluation.manage_comparison"


@require_GET
@console_page("evaluation.view_gate")
def list_comparisons(request: ConsoleRequest) -> HttpResponse:
    search = {name: request.GET.get(name, "")[:100] for name in ("state", "version")}
    found = filter_comparisons(list_comparisons_for(request.user), **search)
    page = page_of(found, ListQuery(limit=PAGE_SIZE, cursor=request.GET.get("cursor", "")[:200]), lambda row: row)
    context = {
        "views": comparison_views(page.items),
        "next": urlencode({**search, "cursor": page.next}) if page.next else "",
        "search": search,
        "states": ComparisonState.choices,
        "may_manage": can(request.user, MANAGE),
    }
    return render(request, "console/comparisons.html", {"tabs": tabs_for(request), **context})


@require_GET
@console_page(MANAGE)
def new_comparison(request: ConsoleRequest) -> HttpResponse:
    return _form(request, {name: request.GET.get(name, "")[:100] for name in ("rollout", "first", "second")})


@require_POST
@console_page(MANAGE)
def start(request: ConsoleRequest) -> HttpResponse:
    try:
        comparison = services.start_comparison(user=request.user, **parse_comparison(request.user, request.POST))
    except ChatappError as error:
        if error.status not in {400, 409}:
            raise
        return _form(request, request.POST.dict(), problem=error.message, status=error.status)
    messages.success(request, "Started. The answers are being written; people can vote when they are there.")
    return redirect("console_comparison", comparison.pk)


@require_GET
@console_page("evaluation.view_gate")
def show(request: ConsoleRequest, comparison_id: UUID) -> HttpResponse:
    comparison = get_comparison_for(request.user, comparison_id)
    context = {
        "view": comparison_view(results_of([comparison])[0]),
        "questions": list_questions_for(request.user, comparison),
        "may_read": may_read_pairs(request.user, comparison),
        "may_manage": can(request.user, MANAGE),
    }
    template = "console/_comparison.html" if request.htmx else "console/comparison.html"
    return render(request, template, {"tabs": tabs_for(request), **context})


@require_POST
@console_page(MANAGE)
def close(request: ConsoleRequest, comparison_id: UUID) -> HttpResponse:
    return _end(request, comparison_id, services.close_comparison, "Closed. Nobody votes any more.")


@require_POST
@console_page(MANAGE)
def cancel(request: ConsoleRequest, comparison_id: UUID) -> HttpResponse:
    return _end(request, comparison_id, services.cancel_comparison, "Cancelled. Its votes count for nothing.")


def _end(request: ConsoleRequest, comparison_id: UUID, act: Callable[..., Comparison], said: str) -> HttpResponse:
    comparison = get_comparison_for(request.user, comparison_id)
    try:
        act(user=request.user, comparison=comparison)
        messages.success(request, said)
    except ChatappError as error:
        if error.code != "comparison_over":
            raise
        messages.error(request, error.message)
    return go(request, "console_comparison", comparison_id=comparison_id)


def _form(request: ConsoleRequest, given: dict[str, str], *, problem: str = "", status: int = 200) -> HttpResponse:
    user = request.user
    context = {
        "given": given,
        "problem": problem,
        "rollout": _named_rollout(request, given.get("rollout", "")),
        "rollouts": list_rollouts_for(user).filter(kind=RolloutKind.SHADOW)[:OFFERED],
        "versions": [version for version in list_versions_for(user)[:OFFERED] if version.writes],
        "collections": list_collections_for(user)[:OFFERED],
        "sources": QuestionsFrom.choices,
        "audiences": Audience.choices,
        "most_pairs": MOST_PAIRS,
        "most_votes": MOST_VOTES,
    }
    return render(request, "console/comparison_new.html", {"tabs": tabs_for(request), **context}, status=status)


def _named_rollout(request: ConsoleRequest, name: str) -> object:
    """None for what is no rollout that the user may see: then the form asks."""
    try:
        return find_rollout(request.user, UUID(name) if name else None)
    except (ValueError, ChatappError):
        return None
