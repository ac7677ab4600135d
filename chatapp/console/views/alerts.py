"""Alerts: the list, one with what to do first, and the weekly figures that drift is told by."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.permissions import can, require
from chatapp.api.lists import ListQuery, page_of
from chatapp.console.access import ConsoleRequest, console_page, go, tabs_for
from chatapp.console.read_models.alerts import AlertRow, alert_row, week_rows
from chatapp.errors import ChatappError
from chatapp.evaluation.alerting.weeks import read_weeks
from chatapp.evaluation.models import AlertKind, AlertMetric
from chatapp.evaluation.selectors import get_alert_for, list_deliveries_for, search_alerts_for
from chatapp.evaluation.services import acknowledge_alert
from chatapp.inference.selectors import list_versions_for

PAGE_SIZE = 30
MOST_OPEN = 200


@require_GET
@console_page("evaluation.view_alert")
def list_alerts(request: ConsoleRequest) -> HttpResponse:
    search = {name: request.GET.get(name, "").strip()[:100] for name in ("state", "kind", "metric", "route")}
    if any("\0" in value for value in search.values()):
        raise ChatappError("invalid", detail="a condition is a text.")
    query = ListQuery(limit=PAGE_SIZE, cursor=request.GET.get("cursor", "")[:200])
    # Without a state the open ones stand first, and only those that are over have further pages.
    over = {**search, "state": search["state"] or "closed"}
    page = page_of(search_alerts_for(request.user, **over), query, alert_row, by="opened_at")
    first = _list_open(request, search) if not search["state"] and not query.cursor else []
    context = {
        "rows": [*first, *page.items],
        "next": page.next,
        "search": search,
        "query": urlencode({name: value for name, value in search.items() if value}),
        "kinds": AlertKind.choices,
        "metrics": AlertMetric.choices,
        "may_manage": can(request.user, "evaluation.manage_alert"),
    }
    if request.htmx:
        return render(request, "console/_alerts.html", context)
    return render(request, "console/alerts.html", {"tabs": tabs_for(request), **context})


def _list_open(request: ConsoleRequest, search: dict[str, str]) -> list[AlertRow]:
    alerts = search_alerts_for(request.user, **{**search, "state": "open"})
    return page_of(alerts, ListQuery(limit=MOST_OPEN, cursor=""), alert_row, by="opened_at").items


@require_GET
@console_page("evaluation.view_alert")
def show_alert(request: ConsoleRequest, alert_id: UUID) -> HttpResponse:
    alert = get_alert_for(request.user, alert_id)
    may_manage = can(request.user, "evaluation.manage_alert")
    deliveries = list_deliveries_for(request.user, alert)
    context = {"row": alert_row(alert), "deliveries": deliveries, "may_manage": may_manage}
    return render(request, "console/alert.html", {"tabs": tabs_for(request), **context})


@require_POST
@console_page("evaluation.view_alert")
def acknowledge(request: ConsoleRequest, alert_id: UUID) -> HttpResponse:
    require(request.user, "evaluation.manage_alert")
    alert = get_alert_for(request.user, alert_id)
    acknowledge_alert(user=request.user, alert=alert, note=request.POST.get("note", "").strip())
    messages.success(request, "It is noted that you look after it. It closes by itself when the figure is back.")
    return go(request, "console_alert", alert_id=alert.pk)


@require_GET
@console_page("evaluation.view_alert")
def show_weeks(request: ConsoleRequest) -> HttpResponse:
    weeks = read_weeks()
    versions = list_versions_for(request.user).in_bulk([week.version_id for week in weeks])
    context = {"rows": week_rows(weeks, {**versions}), "may_manage": can(request.user, "evaluation.manage_alert")}
    return render(request, "console/alert_weeks.html", {"tabs": tabs_for(request), **context})
