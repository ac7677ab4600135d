"""What employees ask of reviewers below an answer, and what they are told. Each form is also a page of its own."""

from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from chatapp.accounts.settings_pages import SettingsRequest, settings_tabs
from chatapp.conversations import services
from chatapp.conversations.forms import parse
from chatapp.conversations.rendering import render_turn
from chatapp.conversations.reviews.selectors import list_new_notices, list_notices
from chatapp.conversations.views import ChatRequest, own_turn
from chatapp.moderation.reports import MAX_REPORT_CHARACTERS, REPORT_REASONS
from chatapp.moderation.services import read_all_notices, read_notice

THANKS = "Thank you. A reviewer looks at it, and you are told here what comes of it."


class ReportForm(forms.Form):
    """What may stand in it, the services judge."""

    reason = forms.CharField(required=False, max_length=32)
    text = forms.CharField(required=False, strip=False)


class AppealForm(forms.Form):
    text = forms.CharField(required=False, strip=False)


@require_http_methods(["GET", "POST"])
@login_required
def report(request: ChatRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    own_turn(request.user, conversation_id, message_id)
    if request.method == "POST":
        services.report_answer(user=request.user, message_id=message_id, **parse(ReportForm, request.POST))
        return _asked(request, conversation_id, message_id)
    context = {"title": "Report an answer", "form": "conversations/_report_form.html", "reasons": REPORT_REASONS}
    return _form(request, conversation_id, message_id, context)


@require_http_methods(["GET", "POST"])
@login_required
def appeal(request: ChatRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    own_turn(request.user, conversation_id, message_id)
    if request.method == "POST":
        services.appeal_answer(user=request.user, message_id=message_id, **parse(AppealForm, request.POST))
        return _asked(request, conversation_id, message_id)
    context = {"title": "Appeal", "form": "conversations/_appeal_form.html"}
    return _form(request, conversation_id, message_id, context)


@require_GET
@login_required
def notices(request: SettingsRequest) -> HttpResponse:
    context = {"rows": list_notices(request.user), "tabs": settings_tabs(request)}
    return render(request, "settings/notices.html", context)


@require_GET
@login_required
def new_notices(request: HttpRequest) -> HttpResponse:
    """For a chat page that hears of one."""
    return _new_notices(cast("ChatRequest", request))


@require_POST
@login_required
def read(request: ChatRequest, notice_id: UUID) -> HttpResponse:
    read_notice(user=request.user, notice_id=notice_id)
    return _new_notices(request) if request.htmx else redirect("notices")


@require_POST
@login_required
def read_all(request: ChatRequest) -> HttpResponse:
    read_all_notices(user=request.user)
    return redirect("notices")


def _new_notices(request: ChatRequest) -> HttpResponse:
    return render(request, "conversations/_notices.html", {"new_notices": list_new_notices(request.user)})


def _form(request: ChatRequest, conversation_id: UUID, message_id: UUID, context: dict[str, Any]) -> HttpResponse:
    """By htmx the form goes below the answer, and with `?close` the answer is as it was."""
    turn = own_turn(request.user, conversation_id, message_id)
    if "close" in request.GET:
        return HttpResponse(render_turn(turn, user=request.user))
    context |= {"message": turn.message, "most": MAX_REPORT_CHARACTERS}
    return render(request, context["form"] if request.htmx else "conversations/review.html", context)


def _asked(request: ChatRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    if not request.htmx:
        return redirect("conversation", conversation_id)
    turn = own_turn(request.user, conversation_id, message_id)
    answer = HttpResponse(render_turn(turn, user=request.user, is_asked=True))
    return trigger_client_event(answer, "toast", {"text": THANKS})
