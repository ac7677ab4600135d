"""What employees say of answers: the list, one of it, and the export."""

from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.permissions import can
from chatapp.api.lists import ListQuery, page_of
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.feedback_export import MAX_EXAMPLES, count_examples, example_lines
from chatapp.console.read_models.feedback import feedback_detail, feedback_row, reruns_of
from chatapp.errors import ChatappError
from chatapp.moderation.feedback_search import RATINGS, FeedbackSearch
from chatapp.moderation.models import Feedback, FeedbackReason, FeedbackStatus
from chatapp.moderation.selectors import get_feedback_for, list_feedback_for
from chatapp.moderation.services import begin_feedback_export, open_feedback, record_feedback_listed, unmask_feedback

PAGE_SIZE = 30
FIRST_SEEN = {"status": FeedbackStatus.NEW.value, "rating": "down"}
CHOICES = {"statuses": FeedbackStatus.choices, "ratings": list(RATINGS), "reasons": FeedbackReason.choices}


@require_GET
@console_page("moderation.triage_feedback")
def list_feedback(request: ConsoleRequest) -> HttpResponse:
    search, shown = _search_of(request)
    query = ListQuery(limit=PAGE_SIZE, cursor=request.GET.get("cursor", "")[:200])
    page = page_of(list_feedback_for(request.user, search), query, feedback_row)
    record_feedback_listed(user=request.user, feedback_ids=[row.feedback.id for row in page.items])
    context = {"page": page, **shown}
    if request.htmx and query.cursor:
        return render(request, "console/_feedback_page.html", context)
    around = {"tabs": tabs_for(request), **CHOICES, **_export_of(request, search)}
    return render(request, "console/feedback.html", {**context, **around}, status=400 if shown["problem"] else 200)


@require_GET
@console_page("moderation.triage_feedback")
def show_feedback(request: ConsoleRequest, feedback_id: UUID) -> HttpResponse:
    return render_one(request, open_feedback(user=request.user, feedback_id=feedback_id))


@require_GET
@console_page("moderation.triage_feedback")
def show_reruns(request: ConsoleRequest, feedback_id: UUID) -> HttpResponse:
    """What the page asks for while a re-run is being written."""
    feedback = get_feedback_for(request.user, feedback_id)
    context = {"feedback": feedback, "reruns": reruns_of(feedback, user=request.user)}
    return render(request, "console/_feedback_reruns.html", context)


@require_POST
@console_page("moderation.triage_feedback")
def unmask(request: ConsoleRequest, feedback_id: UUID) -> HttpResponse:
    """Shown in this answer only: what is loaded again is masked again."""
    feedback = unmask_feedback(user=request.user, feedback_id=feedback_id, reason=request.POST.get("reason", ""))
    return render_one(request, feedback, unmasked=True, said="Personal data is shown. That you looked is recorded.")


@require_POST
@console_page("moderation.export_feedback")
def export(request: ConsoleRequest) -> HttpResponseBase:
    search = FeedbackSearch.parse(request.POST.dict())
    reason = request.POST.get("purpose", "")
    begin_feedback_export(user=request.user, search=search, reason=reason, limit=MAX_EXAMPLES)
    name = f"feedback-{timezone.localtime():%Y-%m-%d-%H%M}.jsonl"
    return StreamingHttpResponse(
        example_lines(request.user, search),
        content_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def render_one(
    request: ConsoleRequest, feedback: Feedback, *, unmasked: bool = False, said: str = "", status: int = 200
) -> HttpResponse:
    detail = feedback_detail(feedback, user=request.user, unmasked=unmasked)
    reruns = reruns_of(feedback, user=request.user)
    context = {"feedback": feedback, "detail": detail, "reruns": reruns, "said": said, "refused": status != 200}
    if request.htmx:
        return render(request, "console/_feedback_open.html", context, status=status)
    return render(request, "console/feedback_one.html", {"tabs": tabs_for(request), **context}, status=status)


def _search_of(request: ConsoleRequest) -> tuple[FeedbackSearch, dict[str, object]]:
    """Without any condition in the address: what is new and points down. A malformed one is told, and all is shown."""
    asked, problem = request.GET.dict(), ""
    fields = asked if asked.keys() - {"cursor"} else {**FIRST_SEEN, **asked}
    try:
        search = FeedbackSearch.parse(fields)
    except ChatappError as error:
        search, problem = FeedbackSearch(), error.message
    conditions = search.as_fields()
    link = urlencode(conditions or {"status": ""})
    return search, {"search": fields, "conditions": conditions, "link": link, "problem": problem}


def _export_of(request: ConsoleRequest, search: FeedbackSearch) -> dict[str, object]:
    if not can(request.user, "moderation.export_feedback"):
        return {}
    return {"most": MAX_EXAMPLES, "examples": count_examples(request.user, search)}
