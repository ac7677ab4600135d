from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from chatapp.accounts import selectors
from chatapp.accounts.settings_pages import SettingsRequest, settings_tabs

LISTED_KEYS = 200


@require_GET
@login_required
def list_keys(request: SettingsRequest) -> HttpResponse:
    keys = selectors.list_api_keys_for(request.user)[:LISTED_KEYS]
    return render(request, "settings/keys.html", {"tabs": settings_tabs(request), "keys": keys})
