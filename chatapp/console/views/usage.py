import csv

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from chatapp.accounts.services import record_event
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.read_models.usage import (
    BAR_STEP,
    DAYS,
    busiest,
    parse_query,
    usage_bars,
    usage_csv,
    usage_table,
)
from chatapp.inference.usage import UsageBy, usage_by


@require_GET
@console_page("accounts.view_usage")
def show_usage(request: ConsoleRequest) -> HttpResponse:
    days, by = parse_query(request.GET.get("days", "7"), request.GET.get("by", "version"))
    bars = usage_bars(request.user, days=days) if days > 1 else []
    context = {
        "days": days,
        "by": by,
        "choices": DAYS,
        "groupings": list(UsageBy),
        "bars": bars,
        "busiest": busiest(bars),
        "chart_width": BAR_STEP * len(bars),
        "table": usage_table(request.user, by=by, days=days),
    }
    return render(request, "console/usage.html", {"tabs": tabs_for(request), **context})


@require_GET
@console_page("accounts.view_usage")
def download_usage(request: ConsoleRequest) -> HttpResponse:
    days, by = parse_query(request.GET.get("days", "7"), request.GET.get("by", "version"))
    record_event(actor=request.user, action="usage.exported", detail={"days": days, "by": by.value})
    name = f"usage-by-{by}-{days}-days-{timezone.localdate()}.csv"
    response = HttpResponse(
        content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
    csv.writer(response).writerows(usage_csv(usage_by(request.user, by=by, days=days), by=by))
    return response
