"""Takes what browsers report of the content security policy, and shows it."""

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from chatapp.accounts.addresses import client_address
from chatapp.console import services
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.reports import MAX_BYTES, read_violations
from chatapp.console.selectors import list_policy_reports_for
from chatapp.errors import ChatappError

MAX_PER_MINUTE = 30


@csrf_exempt  # The browser itself sends it, without a page's token.
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    _limit(client_address(request) or "unknown")
    body = request.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise ChatappError("body_too_large")
    services.record_violations(read_violations(body))
    return HttpResponse(status=204)


@require_GET
@console_page("console.view_policy_report")
def list_reports(request: ConsoleRequest) -> HttpResponse:
    reports = list_policy_reports_for(request.user)
    return render(request, "console/policy_reports.html", {"tabs": tabs_for(request), "reports": reports})


def _limit(address: str) -> None:
    key = f"policy-reports:{address}"
    cache.add(key, 0, timeout=60)
    if cache.incr(key) > MAX_PER_MINUTE:
        raise ChatappError("rate_limited", seconds=60)
