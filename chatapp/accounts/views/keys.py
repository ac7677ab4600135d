from datetime import timedelta
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from chatapp.accounts import limits, selectors, services
from chatapp.accounts.key_forms import KeyForm
from chatapp.accounts.settings_pages import SettingsRequest, settings_tabs
from chatapp.errors import ChatappError

LISTED_KEYS = 200
ENDS_SOON = timedelta(days=14)


@never_cache
@require_http_methods(["GET", "POST"])
@login_required
def list_keys(request: SettingsRequest) -> HttpResponse:
    form = KeyForm(request.POST or None)
    created, raw = None, ""
    if request.method == "POST" and form.is_valid():
        try:
            created, raw = services.create_api_key(user=request.user, **form.arguments())
            form = KeyForm()
        except ChatappError as error:
            form.add_error(None, error.message)
    return _page(request, form=form, created=created, raw=raw, status=400 if form.errors else 200)


@require_POST
@login_required
def revoke_key(request: SettingsRequest, key_id: UUID) -> HttpResponse:
    key = services.revoke_api_key(key=selectors.get_api_key_for(request.user, key_id), actor=request.user)
    if not request.htmx:
        return redirect("settings_keys")
    return _page(request, said=f"The key {key.name or key.prefix} is revoked.", template="settings/_keys.html")


def _page(
    request: SettingsRequest, *, template: str = "settings/keys.html", status: int = 200, **context: object
) -> HttpResponse:
    now = timezone.now()
    keys = list(selectors.list_api_keys_for(request.user)[:LISTED_KEYS])
    shown = {"tabs": settings_tabs(request), "keys": keys, "now": now, "soon": now + ENDS_SOON}
    shown["tokens"] = limits.find_notice(user=request.user)
    return render(request, template, {**shown, **context}, status=status)
