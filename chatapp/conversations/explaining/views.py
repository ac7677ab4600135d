"""Below an answer, as a fragment; without htmx as a page."""

from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from chatapp.conversations.explaining import words
from chatapp.conversations.explaining.selectors import explain_own_answer
from chatapp.conversations.views import ChatRequest


@require_GET
@login_required
def why(request: HttpRequest, generation_id: UUID) -> HttpResponse:
    asked = cast("ChatRequest", request)
    found = explain_own_answer(asked.user, generation_id)
    rows = words.passages(found)
    context = {
        "why": found,
        "choice": words.choice(found),
        "searching": words.searching(found),
        "given": [row for row in rows if row.is_given],
        "others": [row for row in rows if not row.is_given and row.name],
        "prompt": words.prompt(found),
        "checks": words.checks(found),
        "times": words.times(found),
    }
    return render(request, "conversations/_why.html" if asked.htmx else "conversations/why.html", context)
