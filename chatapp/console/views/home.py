from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from chatapp.accounts.permissions import can
from chatapp.console.access import ConsoleRequest, console_page, tabs_for
from chatapp.console.read_models.moderation_figures import PERIODS, moderation_figures, parse_period
from chatapp.console.read_models.overview import headline, tiles_for
from chatapp.console.read_models.rollouts import rollouts_for
from chatapp.console.read_models.waiting import list_waiting_for


@require_GET
@console_page("console.open")
def console(request: ConsoleRequest) -> HttpResponse:
    """Each section only for those who may see what it tells; a poll brings what changes by itself."""
    period = parse_period(request.GET.get("period", "day"))
    context = _now(request)
    if request.htmx:
        return render(request, "console/_overview.html", context)
    if can(request.user, "moderation.view_policy"):
        context |= {"figures": moderation_figures(request.user, period=period), "periods": PERIODS}
    return render(request, "console/home.html", {"tabs": tabs_for(request), **context})


def _now(request: ConsoleRequest) -> dict[str, object]:
    tiles, waiting = tiles_for(request.user), list_waiting_for(request.user)
    return {
        "tiles": tiles,
        "headline": headline(tiles, waiting),
        "waiting": waiting,
        "rollouts": rollouts_for(request.user),
    }
