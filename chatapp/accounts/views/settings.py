from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from chatapp.accounts.settings_pages import PAGES


@require_GET
@login_required
def show_settings(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 (Django passes it)
    return redirect(PAGES[0].url_name)
