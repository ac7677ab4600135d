from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from chatapp.console.access import ConsoleRequest, console_page, pages_for


@require_GET
@console_page("console.open")
def console(request: ConsoleRequest) -> HttpResponse:
    return redirect(pages_for(request.user)[0].url_name)
