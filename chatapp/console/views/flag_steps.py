"""What reviewers do with flags: claim, decide, undo. What is refused because of its state is shown in its place."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from chatapp.console.access import ConsoleRequest, console_page
from chatapp.console.read_models.flags import flag_row
from chatapp.console.review import SAID, decision_from, ids_from, query_before
from chatapp.console.undo_notice import forget, remember, undo_of
from chatapp.console.views.flags import render_opened
from chatapp.conversations.services import decide_alike, decide_flag, decide_flags, undo_decisions
from chatapp.errors import ChatappError
from chatapp.moderation.models import Flag, FlagStatus
from chatapp.moderation.selectors import get_flag_for
from chatapp.moderation.services import claim_flag, open_flag, renew_claim

OF_STATE = frozenset(
    {"flag_taken", "flag_decided", "flag_unclaimed", "flag_not_yours", "forbidden", "invalid", "undo_over"}
)


@require_POST
@console_page("moderation.review_flag")
def claim(request: ConsoleRequest, flag_id: UUID) -> HttpResponse:
    refused = _try(lambda: claim_flag(user=request.user, flag_id=flag_id))
    return _as_it_stands(request, flag_id, "Flag claimed.", refused)


@require_POST
@console_page("moderation.review_flag")
def renew(request: ConsoleRequest, flag_id: UUID) -> HttpResponse:
    """The heartbeat of an open flag. That the claim is lost is an answer too, not an error of the page."""
    refused = _try(lambda: renew_claim(user=request.user, flag_id=flag_id))
    row = flag_row(get_flag_for(request.user, flag_id), user=request.user)
    return render(request, "console/_flag_lease.html", {"row": row, "lost": refused.message if refused else ""})


@require_POST
@console_page("moderation.review_flag")
def decide(request: ConsoleRequest, flag_id: UUID) -> HttpResponseBase:
    if request.POST.get("alike"):
        return _decide_alike(request, flag_id)
    given = decision_from(request.POST)
    refused = _try(lambda: decide_flag(user=request.user, flag_id=flag_id, **given))
    if refused is not None:
        return _as_it_stands(request, flag_id, "", refused)
    said = SAID[FlagStatus(get_flag_for(request.user, flag_id).status)]
    remember(request, [flag_id], said)
    return _as_it_stands(request, flag_id, said, None)


@require_POST
@console_page("moderation.review_flag")
def decide_many(request: ConsoleRequest) -> HttpResponseBase:
    chosen, decided = ids_from(request.POST, "flag"), list[Flag]()
    given = decision_from(request.POST)
    refused = _try(lambda: decided.extend(decide_flags(user=request.user, flag_ids=chosen, **given)))
    return _list_anew(request, decided, refused, asked=len(chosen))


@require_POST
@console_page("moderation.review_flag")
def undo(request: ConsoleRequest) -> HttpResponseBase:
    chosen = ids_from(request.POST, "flag")
    refused = _try(lambda: undo_decisions(user=request.user, flag_ids=chosen))
    forget(request)
    if refused is not None:
        messages.error(request, refused.message)
    else:
        messages.info(
            request, "The decision is undone." if len(chosen) == 1 else f"{len(chosen)} decisions are undone."
        )
    return redirect("console_flag", flag_id=chosen[0]) if len(chosen) == 1 else redirect("console_flags")


def _decide_alike(request: ConsoleRequest, flag_id: UUID) -> HttpResponseBase:
    given, decided = decision_from(request.POST), list[Flag]()
    refused = _try(lambda: decided.extend(decide_alike(user=request.user, flag_id=flag_id, **given)))
    if refused is not None:
        return _as_it_stands(request, flag_id, "", refused)
    return _list_anew(request, decided, None)


def _list_anew(
    request: ConsoleRequest, decided: list[Flag], refused: ChatappError | None, *, asked: int = 0
) -> HttpResponseBase:
    """Many rows change: the list is loaded anew, with what was done and a way to undo it."""
    if refused is not None:
        messages.error(request, refused.message)
    elif decided:
        said = f"{len(decided)} flag{'' if len(decided) == 1 else 's'} decided."
        left = asked - len(decided)
        remember(request, [flag.id for flag in decided], f"{said} {left} are not free." if left > 0 else said)
    else:
        messages.error(request, "None of these flags is free for you.")
    address = f"{reverse('console_flags')}?{query_before(request.htmx.current_url)}"
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


def _as_it_stands(request: ConsoleRequest, flag_id: UUID, said: str, refused: ChatappError | None) -> HttpResponse:
    """The flag after a step, or after the refusal of one, with what it became; nothing that was typed is lost."""
    if not request.htmx:
        if refused is not None:
            messages.error(request, refused.message)
        return redirect("console_flag", flag_id=flag_id)
    row = flag_row(get_flag_for(request.user, flag_id), user=request.user)
    context: dict[str, Any] = {
        "said": refused.message if refused else said,
        "refused": refused is not None,
        "given": {**request.POST.dict(), "effects": request.POST.getlist("effects")},
        "undo_oob": True,
    }
    if row.state == "mine":
        response = render_opened(request, open_flag(user=request.user, flag_id=flag_id), **context)
    else:
        response = render(request, "console/_flag_row.html", {"row": row, **context, **undo_of(request)})
    response.status_code = refused.status if refused else 200
    return response


def _try(act: Callable[[], object]) -> ChatappError | None:
    """The refusal, if it is one that the page shows in place."""
    try:
        act()
    except ChatappError as error:
        if error.code not in OF_STATE:
            raise
        return error
    return None
