"""What people see of others who read their conversations."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from chatapp.accounts.settings_pages import SettingsRequest, settings_tabs
from chatapp.conversations.readings.selectors import list_grants_about, list_reviews_about

LISTED_GRANTS = 100


@require_GET
@login_required
def list_own_readings(request: SettingsRequest) -> HttpResponse:
    grants, reviews = list_grants_about(request.user)[:LISTED_GRANTS], list_reviews_about(request.user)
    context = {"tabs": settings_tabs(request), "grants": grants, "reviews": reviews}
    return render(request, "settings/readings.html", context)
