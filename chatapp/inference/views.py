from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from chatapp.accounts.settings_pages import SettingsRequest, settings_tabs
from chatapp.inference.budgets.selectors import standings_of
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
