"""The chat pages. Each works as a whole page and, asked by htmx, as the fragment that changes."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, push_url, reswap, retarget, trigger_client_event
from django_htmx.middleware import HtmxDetails

from chatapp.accounts.models import User
from chatapp.conversations import selectors, services
from chatapp.conversations.forms import EditForm, MessageForm, TitleForm, parse, parse_before, parse_choice, parse_leaf
from chatapp.conversations.models import Generation
from chatapp.conversations.readings.selectors import find_last_reading
from chatapp.conversations.rendering import group_by_day, render_turn, render_turns, source_views
from chatapp.conversations.reviews.selectors import list_new_notices
from chatapp.conversations.streams.tail import read_tails
from chatapp.errors import ChatappError
from chatapp.inference.models import Route
from chatapp.inference.selectors import list_choices

LISTED_CONVERSATIONS = 200


class ChatRequest(HttpRequest):
    user: User
    htmx: HtmxDetails


def _sidebar(user: User, current: UUID | None, before: datetime | None = None) -> dict[str, Any]:
    found = list(selectors.list_conversations_for(user, before=before)[: LISTED_CONVERSATIONS + 1])
    shown = found[:LISTED_CONVERSATIONS]
    older = shown[-1].updated_at if len(found) > len(shown) else None
    return {"conversation_groups": group_by_day(shown, before=before), "current": current, "older": older}


def _list_response(request: HttpRequest) -> HttpResponse:
    current = _conversation_in(cast("ChatRequest", request).htmx.current_url_abs_path or "")
    before = parse_before(request.GET)
    listed = _sidebar(cast("ChatRequest", request).user, current, before)
    return render(request, f"conversations/{'_groups' if before else '_conversations'}.html", listed)


def _thread(user: User, conversation_id: UUID, turns: list[selectors.Turn]) -> dict[str, Any]:
    read_tails(turn.generation for turn in turns if turn.generation)
    return {
        "conversation_id": conversation_id,
        "thread": render_turns(turns, user=user),
        "leaf": turns[-1].message.id if turns else None,
        "limit": settings.MESSAGE_MAX_CHARACTERS,
        "is_temporary": bool(turns) and turns[0].message.conversation.is_temporary,
        "temporary_hours": settings.TEMPORARY_CHAT_HOURS,
    }


def _thread_response(request: HttpRequest, conversation_id: UUID, asked: Generation) -> HttpResponse:
    """After a change: the branch that ends at what was asked, as a fragment or by a redirect to its page."""
    if not cast("ChatRequest", request).htmx:
        return redirect("conversation", conversation_id)
    user = cast("ChatRequest", request).user
    turns = selectors.get_thread_for(user, conversation_id, asked.message_id)
    context = _thread(user, conversation_id, turns) | _notices(asked)
    return render(request, "conversations/_changed.html", context)


def _posted_response(request: HttpRequest, data: dict[str, Any], asked: Generation) -> HttpResponse:
    """Only the new question and answer when the page shows what is above them, else the whole branch."""
    user, conversation_id = cast("ChatRequest", request).user, data["conversation"]
    turns = selectors.get_thread_for(user, conversation_id, asked.message_id)
    shown = len(turns) > 2 and turns[-3].message.id == data["leaf"]
    context = _thread(user, conversation_id, turns[-2:] if shown else turns) | _sidebar(user, conversation_id)
    context |= _notices(asked)
    if shown:
        return render(request, "conversations/_appended.html", context)
    response = render(request, "conversations/_started.html", context)
    url = reverse("conversation", args=[conversation_id])
    return push_url(reswap(retarget(response, "#thread"), "outerHTML"), url)


def _notices(asked: Generation) -> dict[str, Any]:
    """What stands below the composer: how much of the day's tokens or of a budget is used."""
    return {"tokens": asked.tokens_used, "budget": asked.budget_reached}


def own_turn(user: User, conversation_id: UUID, message_id: UUID) -> selectors.Turn:
    turn = selectors.get_turn_for(user, message_id)
    if turn.message.conversation_id != conversation_id:
        raise ChatappError("not_found")
    return turn


def _conversation_in(path: str) -> UUID | None:
    """The conversation of the page that htmx names in HX-Current-URL."""
    parts = path.split("/")
    try:
        return UUID(parts[2]) if parts[1] == "c" else None
    except (IndexError, ValueError):
        return None


@require_GET
@login_required
def chat(request: HttpRequest) -> HttpResponse:
    user = cast("ChatRequest", request).user
    # The id is made here so that a first message that is posted twice still makes one conversation.
    context = _thread(user, uuid4(), []) | _sidebar(user, None) | {"choices": list_choices()}
    context |= {"new_notices": list_new_notices(user)}
    return render(request, "conversations/chat.html", context | {"message_id": uuid4(), "is_new": True})


@require_GET
@login_required
def conversation(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    user = cast("ChatRequest", request).user
    found = selectors.get_conversation_for(user, conversation_id)
    turns = selectors.get_thread_for(user, conversation_id, parse_leaf(request.GET))
    context = _thread(user, conversation_id, turns)
    if cast("ChatRequest", request).htmx:
        return render(request, "conversations/_thread.html", context)
    context |= {"title": found.title, "message_id": uuid4()} | _sidebar(user, found.id)
    context |= {"choices": list_choices(found.route_id or Route.DEFAULT), "choice": found.choice}
    context |= {"last_reading": find_last_reading(user, conversation_id), "new_notices": list_new_notices(user)}
    return render(request, "conversations/chat.html", context)


@require_GET
@login_required
def conversations(request: HttpRequest) -> HttpResponse:
    return _list_response(request)


@require_POST
@login_required
def post_message(request: HttpRequest) -> HttpResponse:
    data = parse(MessageForm, request.POST)
    generation = services.post_message(
        user=cast("ChatRequest", request).user,
        text=data["text"],
        message_id=data["message"],
        conversation_id=data["conversation"],
        leaf_id=data["leaf"],
        choice=parse_choice(request.POST),
        is_temporary=data["temporary"],
    )
    if not cast("ChatRequest", request).htmx:
        return redirect("conversation", data["conversation"])
    return _posted_response(request, data, generation)


@require_GET
@login_required
def message(request: HttpRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    user = cast("ChatRequest", request).user
    turn = own_turn(user, conversation_id, message_id)
    read_tails([turn.generation] if turn.generation else [])
    return HttpResponse(render_turn(turn, user=user))


@require_GET
@login_required
def sources(request: HttpRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """Panels of the sources, for an answer that is still being written: its own come with its end."""
    turn = own_turn(cast("ChatRequest", request).user, conversation_id, message_id)
    context = {"message": turn.message, "views": source_views(turn)}
    return render(request, "conversations/_source_panels.html", context)


@require_POST
@login_required
def keep_question(request: HttpRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    user = cast("ChatRequest", request).user
    own_turn(user, conversation_id, message_id)
    names = [collection.name for collection in services.keep_question(user=user, message_id=message_id)]
    said = f"Added to the golden questions of {' and '.join(names)}, whose editors can read it."
    return trigger_client_event(HttpResponse(status=204), "toast", {"text": said})


@require_POST
@login_required
def regenerate(request: HttpRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    user = cast("ChatRequest", request).user
    own_turn(user, conversation_id, message_id)
    choice = parse_choice(request.POST)
    generation = services.regenerate(user=user, message_id=message_id, choice=choice)
    return _thread_response(request, conversation_id, generation)


@require_http_methods(["GET", "POST"])
@login_required
def edit(request: HttpRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    user = cast("ChatRequest", request).user
    turn = own_turn(user, conversation_id, message_id)
    if request.method == "GET":
        return render(request, "conversations/_edit.html", {"message": turn.message, "message_id": uuid4()})
    data = parse(EditForm, request.POST)
    generation = services.edit_message(
        user=user,
        message_id=message_id,
        new_id=data["message"],
        text=data["text"],
        choice=parse_choice(request.POST),
    )
    return _thread_response(request, conversation_id, generation)


@require_POST
@login_required
def stop(request: HttpRequest, generation_id: UUID) -> HttpResponse:
    services.request_stop(user=cast("ChatRequest", request).user, generation_id=generation_id)
    return HttpResponse(status=204)


@require_POST
@login_required
def switch_model(request: HttpRequest, generation_id: UUID) -> HttpResponse:
    """The page hears of the new place from the answer's next status frame."""
    services.switch_model(user=cast("ChatRequest", request).user, generation_id=generation_id)
    return HttpResponse(status=204)


@require_http_methods(["GET", "POST"])
@login_required
def rename(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    user = cast("ChatRequest", request).user
    found = selectors.get_conversation_for(user, conversation_id)
    if request.method == "GET":
        return render(request, "conversations/_rename.html", {"conversation": found})
    title = parse(TitleForm, request.POST)["title"]
    services.rename_conversation(user=user, conversation_id=conversation_id, title=title)
    return _list_response(request)


@require_POST
@login_required
def delete(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    services.delete_conversation(user=cast("ChatRequest", request).user, conversation_id=conversation_id)
    shown = cast("ChatRequest", request).htmx.current_url_abs_path or ""
    if _conversation_in(shown) == conversation_id:
        return HttpResponseClientRedirect(reverse("chat"))
    return _list_response(request)
