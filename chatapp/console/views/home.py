from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from chatapp.console.access import ConsoleRequest, console_page, pages_for, tabs_for
from chatapp.console.read_models.moderation_figures import PERIODS, moderation_figures, parse_period


@require_GET
@console_page("console.open")
def console(request: ConsoleRequest) -> HttpResponse:
    """The overview, for those who have one; the first page of the others."""
    first = pages_for(request.user)[0]
    if first.url_name != "console":
        return redirect(first.url_name)
    figures = moderation_figures(request.user, period=parse_period(request.GET.get("period", "day")))
    return render(request, "console/home.html", {"tabs": tabs_for(request), "figures": figures, "periods": PERIODS})
