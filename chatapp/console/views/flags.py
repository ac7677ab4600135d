from collections.abc import Callable
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chatapp.api.lists import ListQuery, page_of
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.read_models.flags import flag_detail, flag_row
from chatapp.console.review import FILTERS, PRESETS, reason_from
from chatapp.errors import ChatappError
from chatapp.moderation.models import Flag, Severity
from chatapp.moderation.selectors import get_flag_for, list_flags_for
from chatapp.moderation.services import claim_flag, decide_flag, open_flag, record_flags_listed

PAGE_SIZE = 30


@require_GET
@console_page("moderation.review_flag")
def list_flags(request: ConsoleRequest) -> HttpResponse:
    status, severity = request.GET.get("status", "open"), request.GET.get("severity", "")
    flags = list_flags_for(request.user, status, severity=severity or None)
    query = ListQuery(limit=PAGE_SIZE, cursor=request.GET.get("cursor", "")[:200])
    page = page_of(flags, query, lambda flag: flag_row(flag, user=request.user))
    record_flags_listed(user=request.user, flag_ids=[row.flag.id for row in page.items])
    context = {"page": page, "status": status, "severity": severity, "filters": FILTERS, "severities": Severity.values}
    template = "console/_flag_page.html" if request.htmx and query.cursor else "console/flags.html"
    return render(request, template, {**context, "tabs": tabs_for(request)})


@require_GET
@console_page("moderation.review_flag")
def show_flag(request: ConsoleRequest, flag_id: UUID) -> HttpResponse:
    if request.htmx and "close" in request.GET:
        row = flag_row(get_flag_for(request.user, flag_id), user=request.user)
        return render(request, "console/_flag_row.html", {"row": row})
    template = "console/_flag_open.html" if request.htmx else "console/flag.html"
    return render(request, template, {"tabs": tabs_for(request), **_opened(request, flag_id)})


@require_POST
@console_page("moderation.review_flag")
def claim(request: ConsoleRequest, flag_id: UUID) -> HttpResponse:
    return _after(request, flag_id, lambda: claim_flag(user=request.user, flag_id=flag_id), "Flag claimed.")


@require_POST
@console_page("moderation.review_flag")
def decide(request: ConsoleRequest, flag_id: UUID) -> HttpResponse:
    decision = request.POST.get("decision", "")
    reason = reason_from(request.POST, decision)
    return _after(
        request,
        flag_id,
        lambda: decide_flag(user=request.user, flag_id=flag_id, decision=decision, reason=reason),
        "Flag decided.",
    )


def _after(request: ConsoleRequest, flag_id: UUID, act: Callable[[], Flag], said: str) -> HttpResponse:
    """The flag as it stands now. A refusal because of its state is shown in its place, with what it became."""
    status = 200
    try:
        act()
    except ChatappError as error:
        if error.status not in {400, 409}:
            raise
        status, said = error.status, error.message
    if not request.htmx:
        return redirect("console_flag", flag_id=flag_id)
    row = flag_row(get_flag_for(request.user, flag_id), user=request.user)
    context: dict[str, object] = {"row": row, "said": said, "refused": status != 200}
    if row.state != "mine":
        return render(request, "console/_flag_row.html", context, status=status)
    return render(request, "console/_flag_open.html", {**context, **_opened(request, flag_id)}, status=status)


def _opened(request: ConsoleRequest, flag_id: UUID) -> dict[str, object]:
    detail = flag_detail(open_flag(user=request.user, flag_id=flag_id), user=request.user)
    return {"detail": detail, "row": detail.row, "presets": PRESETS}
