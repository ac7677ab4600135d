"""Where people compare two answers without knowing whose they are. By htmx the next pair comes in place."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chatapp.conversations.forms import parse
from chatapp.conversations.views import ChatRequest
from chatapp.evaluation import services
from chatapp.evaluation.forms import VolunteerForm, VoteForm
from chatapp.evaluation.rendering import render_answer
from chatapp.evaluation.selectors import Ballots, ballots_of, get_pair_for
from chatapp.evaluation.services.votes import MAX_REASON


@require_GET
@login_required
def compare(request: HttpRequest) -> HttpResponse:
    return _show(cast("ChatRequest", request))


@require_POST
@login_required
def vote(request: HttpRequest, pair_id: UUID) -> HttpResponse:
    chat = cast("ChatRequest", request)
    pair = get_pair_for(chat.user, pair_id)
    given = parse(VoteForm, request.POST)
    services.vote(
        user=chat.user,
        pair_id=pair.pk,
        said=given["vote"],
        reason=given["reason"],
        milliseconds=given["milliseconds"],
    )
    return _show(chat) if chat.htmx else redirect("compare")


@require_POST
@login_required
def volunteer(request: HttpRequest) -> HttpResponse:
    chat, wants = cast("ChatRequest", request), parse(VolunteerForm, request.POST)["volunteer"]
    (services.volunteer if wants else services.stop_volunteering)(user=chat.user)
    messages.success(request, "Thank you for taking part." if wants else "You take no part any more.")
    return redirect("compare")


def _show(request: ChatRequest) -> HttpResponse:
    ballots = ballots_of(request.user)
    template = "evaluation/_ballot.html" if request.htmx else "evaluation/compare.html"
    context = {"ballots": ballots, "number": ballots.given + 1, "most": MAX_REASON, **_answers(ballots)}
    return render(request, template, context)


def _answers(ballots: Ballots) -> dict[str, object]:
    if ballots.pair is None:
        return {}
    sides = {"left": ballots.pair.left, "right": ballots.pair.right}
    return {side: render_answer(text, side=side) for side, text in sides.items()}
