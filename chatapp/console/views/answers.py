from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from chatapp.accounts.permissions import can
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.conversations.explaining import words
from chatapp.conversations.explaining.selectors import explain_answer_for


@require_GET
@console_page("inference.view_version")
def show_answer(request: ConsoleRequest, generation_id: UUID) -> HttpResponse:
    """How anybody's answer came about, without a word of it."""
    why = explain_answer_for(request.user, generation_id)
    context = {
        "why": why,
        "choice": words.choice(why),
        "searching": words.searching(why),
        "passages": words.passages(why),
        "prompt": words.prompt(why),
        "times": words.times(why),
        "may_see_rollouts": can(request.user, "inference.view_rollout"),
    }
    return render(request, "console/answer.html", {"tabs": tabs_for(request), **context})
