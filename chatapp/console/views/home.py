from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from chatapp.accounts.permissions import can
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.read_models.moderation_figures import PERIODS, moderation_figures, parse_period


@require_GET
@console_page("console.open")
def console(request: ConsoleRequest) -> HttpResponse:
    """Each section only for those who may see what it tells."""
    period = parse_period(request.GET.get("period", "day"))
    context: dict[str, object] = {"tabs": tabs_for(request)}
    if can(request.user, "moderation.view_policy"):
        context |= {"figures": moderation_figures(request.user, period=period), "periods": PERIODS}
    return render(request, "console/home.html", context)
