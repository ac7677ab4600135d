import csv

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from chatapp.accounts.services import record_event
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.read_models.usage import usage_csv, usage_rows, usage_table, usage_tiles
from chatapp.console.read_models.usage_charts import usage_charts
from chatapp.console.read_models.usage_query import DAYS, parse_usage_query
from chatapp.inference.usage import UsageBy


@require_GET
@console_page("accounts.view_usage")
def show_usage(request: ConsoleRequest) -> HttpResponse:
    query = parse_usage_query(request.GET)
    totals, tiles = usage_tiles(request.user, query)
    context = {
        "query": query,
        "choices": DAYS,
        "groupings": list(UsageBy),
        "totals": totals,
        "tiles": tiles,
        "charts": usage_charts(request.user, query),
        "table": usage_table(request.user, query),
    }
    return render(request, "console/usage.html", {"tabs": tabs_for(request), **context})


@require_GET
@console_page("accounts.view_usage")
def download_usage(request: ConsoleRequest) -> HttpResponse:
    query = parse_usage_query(request.GET)
    record_event(actor=request.user, action="usage.exported", detail={**query.given})
    name = f"usage-by-{query.by}-{_times(query.given)}-{timezone.localdate()}.csv"
    response = HttpResponse(
        content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
    csv.writer(response).writerows(usage_csv(usage_rows(request.user, query), by=query.by))
    return response


def _times(given: dict[str, str]) -> str:
    return f"{given['days']}-days" if "days" in given else f"{given['from']}-to-{given['to']}"
