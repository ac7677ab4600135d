from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from chatapp.accounts.settings_pages import SettingsRequest, settings_tabs
from chatapp.inference.budgets.selectors import standings_of
from chatapp.inference.selectors import is_pilot_member
from chatapp.inference.services.pilots import join_pilot, leave_pilot
from chatapp.inference.usage import UsageBy, usage_by, usage_totals
from chatapp.inference.usage.scope import last_days

SHOWN_DAYS = 30


@require_GET
@login_required
def show_own_usage(request: HttpRequest) -> HttpResponse:
    user = cast("SettingsRequest", request).user
    scope = last_days(SHOWN_DAYS).narrowed(user=user.username)
    context = {
        "tabs": settings_tabs(request),
        "days": SHOWN_DAYS,
        "total": usage_totals(user, scope=scope).now,
        "versions": usage_by(user, by=UsageBy.VERSION, scope=scope),
        "standings": standings_of(user),
    }
    return render(request, "settings/usage.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def show_pilot(request: HttpRequest) -> HttpResponse:
    """Any other answer than "yes" leaves."""
    asked = cast("SettingsRequest", request)
    if request.method == "POST":
        (join_pilot if request.POST.get("joined") == "yes" else leave_pilot)(user=asked.user)
        if not asked.htmx:
            return redirect("settings_models")
    is_changed = request.method == "POST"
    context = {"tabs": settings_tabs(request), "is_member": is_pilot_member(asked.user), "changed": is_changed}
    return render(request, "settings/_pilot.html" if is_changed else "settings/models.html", context)
