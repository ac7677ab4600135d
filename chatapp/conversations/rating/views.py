"""Thumbs below an answer. By htmx the buttons change in place; without it each press is a page."""

from typing import cast
from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from chatapp.accounts.models import User
from chatapp.conversations.forms import parse
from chatapp.conversations.selectors import get_generation_for
from chatapp.conversations.services import rate_answer, withdraw_rating
from chatapp.conversations.views import ChatRequest
from chatapp.moderation.models import FeedbackReason
from chatapp.moderation.selectors import find_own_feedback
from chatapp.moderation.services import MAX_FEEDBACK_CHARACTERS

THANKS = "Thank you. Your feedback was saved."
TAKEN_BACK = "Your feedback was taken back."


class RatingForm(forms.Form):
    """`rating` is "none" to take it back. `details`: the form with the reasons was sent, not a thumb alone."""

    rating = forms.ChoiceField(choices=[("up", ""), ("down", ""), ("none", "")])
    reasons = forms.MultipleChoiceField(choices=FeedbackReason.choices, required=False)
    text = forms.CharField(required=False, strip=False)
    details = forms.BooleanField(required=False)


@require_http_methods(["GET", "POST"])
@login_required
def rate(request: HttpRequest, generation_id: UUID) -> HttpResponse:
    user = cast("ChatRequest", request).user
    conversation_id = get_generation_for(user, generation_id).message.conversation_id
    is_open, said = "close" not in request.GET, ""
    if request.method == "POST":
        is_open, said = _save(user, generation_id, request)
    if said and not is_open and not cast("ChatRequest", request).htmx:
        return redirect(reverse("conversation", args=[conversation_id]))
    context = _context(user, generation_id, is_open=is_open) | {"conversation_id": conversation_id}
    template = "conversations/_rating.html" if cast("ChatRequest", request).htmx else "conversations/rating.html"
    response = render(request, template, context)
    return trigger_client_event(response, "toast", {"text": said}) if said else response


def _save(user: User, generation_id: UUID, request: HttpRequest) -> tuple[bool, str]:
    """Whether to ask for reasons now, and what to say; the form that asks has its own thanks."""
    data = parse(RatingForm, request.POST)
    if data["rating"] == "none":
        withdraw_rating(user=user, generation_id=generation_id)
        return False, TAKEN_BACK
    is_positive = data["rating"] == "up"
    reasons = data["reasons"] if not is_positive else ()
    rate_answer(user=user, generation_id=generation_id, is_positive=is_positive, reasons=reasons, text=data["text"])
    asks_why = not is_positive and not data["details"]
    return asks_why, "" if asks_why else THANKS


def _context(user: User, generation_id: UUID, *, is_open: bool) -> dict[str, object]:
    feedback = find_own_feedback(user, generation_id)
    return {
        "generation_id": generation_id,
        "feedback": feedback,
        "is_liked": feedback.is_positive if feedback else None,
        "is_open": is_open and feedback is not None and not feedback.is_positive,
        "reasons": FeedbackReason.choices,
        "most": MAX_FEEDBACK_CHARACTERS,
    }
