from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.read_models.workers import overview, worker_rows
from chatapp.console.selectors import list_workers_with_versions_for
from chatapp.selectors import count_queued_by_route


@require_GET
@console_page("inference.view_worker")
def list_workers(request: ConsoleRequest) -> HttpResponse:
    template = "console/_workers.html" if request.htmx else "console/workers.html"
    workers = list_workers_with_versions_for(request.user)
    rows = worker_rows(user=request.user, workers=workers)
    waiting = sum(count_queued_by_route().values())
    context = {"tabs": tabs_for(request), "rows": rows, "overview": overview(rows, waiting=waiting)}
    return render(request, template, context)
