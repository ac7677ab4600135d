from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.models import Outcome
from chatapp.accounts.selectors import AuditSearch, get_audit_event_for, list_audit_events_for
from chatapp.accounts.services import begin_audit_export
from chatapp.api.lists import ListQuery, page_of
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.audit_export import MAX_EVENTS, export_lines
from chatapp.console.read_models.audit import event_detail
from chatapp.errors import ChatappError

PAGE_SIZE = 50


@require_GET
@console_page("accounts.view_audit")
def list_events(request: ConsoleRequest) -> HttpResponse:
    try:
        search, problem = AuditSearch.parse(request.GET.dict()), ""
    except ChatappError as error:
        search, problem = AuditSearch(), error.message
    query = ListQuery(limit=PAGE_SIZE, cursor=request.GET.get("cursor", "")[:200])
    page = page_of(list_audit_events_for(request.user, search), query, lambda event: event, by="at")
    context = {
        "page": page,
        "search": request.GET.dict(),
        "conditions": search.as_fields(),
        "link": urlencode(search.as_fields()),
        "outcomes": Outcome.choices,
        "problem": problem,
        "most": MAX_EVENTS,
    }
    template = "console/_audit_page.html" if request.htmx and query.cursor else "console/audit.html"
    return render(request, template, {"tabs": tabs_for(request), **context}, status=400 if problem else 200)


@require_GET
@console_page("accounts.view_audit")
def show_event(request: ConsoleRequest, event_id: UUID) -> HttpResponse:
    detail = event_detail(get_audit_event_for(request.user, event_id))
    return render(request, "console/audit_event.html", {"tabs": tabs_for(request), "detail": detail})


@require_POST
@console_page("accounts.view_audit")
def export_events(request: ConsoleRequest) -> HttpResponseBase:
    search = AuditSearch.parse(request.POST.dict())
    begin_audit_export(user=request.user, search=search, reason=request.POST.get("reason", ""), limit=MAX_EVENTS)
    name = f"audit-{timezone.localtime():%Y-%m-%d-%H%M}.jsonl"
    return StreamingHttpResponse(
        export_lines(request.user, search),
        content_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
