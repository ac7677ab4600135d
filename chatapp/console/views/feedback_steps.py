"""What those who triage do with feedback. What is refused because of its state is shown in its place."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from chatapp.console.access import ConsoleRequest, console_page
from chatapp.console.read_models.feedback import feedback_row
from chatapp.console.views.feedback import render_one
from chatapp.conversations.services import keep_rated_question, rerun_question
from chatapp.errors import ChatappError
from chatapp.moderation.selectors import get_feedback_for
from chatapp.moderation.services import answer_feedback, set_feedback_note, set_feedback_status

PERMISSION = "moderation.triage_feedback"
_SHOWN_IN_PLACE = {400, 403, 409, 429, 503}


@require_POST
@console_page(PERMISSION)
def set_status(request: ConsoleRequest, feedback_id: UUID) -> HttpResponse:
    """From the list, and from the feedback itself."""
    status = request.POST.get("status", "")
    said = "Feedback acknowledged." if status == "acknowledged" else "Feedback marked as done."
    in_list = "row" in request.POST
    return _after(
        request,
        feedback_id,
        lambda: set_feedback_status(user=request.user, feedback_id=feedback_id, status=status),
        said,
        in_list=in_list,
    )


@require_POST
@console_page(PERMISSION)
def note(request: ConsoleRequest, feedback_id: UUID) -> HttpResponse:
    words = request.POST.get("note", "")
    return _after(
        request,
        feedback_id,
        lambda: set_feedback_note(user=request.user, feedback_id=feedback_id, note=words),
        "Note saved.",
    )


@require_POST
@console_page(PERMISSION)
def reply(request: ConsoleRequest, feedback_id: UUID) -> HttpResponse:
    words = request.POST.get("reply", "")
    return _after(
        request,
        feedback_id,
        lambda: answer_feedback(user=request.user, feedback_id=feedback_id, reply=words),
        "The employee was told.",
    )


@require_POST
@console_page(PERMISSION)
def rerun(request: ConsoleRequest, feedback_id: UUID) -> HttpResponse:
    version = request.POST.get("version", "")
    return _after(
        request,
        feedback_id,
        lambda: rerun_question(user=request.user, feedback_id=feedback_id, version=version),
        f"Asked {version}.",
    )


@require_POST
@console_page(PERMISSION)
def keep(request: ConsoleRequest, feedback_id: UUID) -> HttpResponse:
    text = request.POST.get("text", "")
    return _after(
        request,
        feedback_id,
        lambda: keep_rated_question(user=request.user, feedback_id=feedback_id, text=text),
        "Added to the golden questions.",
    )


def _after(
    request: ConsoleRequest, feedback_id: UUID, act: Callable[[], object], said: str, *, in_list: bool = False
) -> HttpResponse:
    """The feedback as it stands now. A refusal because of its state is shown in its place."""
    status = 200
    try:
        act()
    except ChatappError as error:
        if error.status not in _SHOWN_IN_PLACE and error.code != "model_unknown":
            raise
        status, said = error.status, error.message
    if not request.htmx:
        messages.add_message(request, messages.SUCCESS if status == 200 else messages.ERROR, said)
        return redirect("console_feedback_one", feedback_id=feedback_id)
    feedback = get_feedback_for(request.user, feedback_id)
    if in_list:
        context = {"row": feedback_row(feedback), "said": said, "refused": status != 200}
        return render(request, "console/_feedback_row.html", context, status=status)
    return render_one(request, feedback, said=said, status=status)
