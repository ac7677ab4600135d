from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from chatapp.accounts import selectors, services
from chatapp.accounts.settings_pages import SettingsRequest, settings_tabs

LISTED_SESSIONS = 100


@require_GET
@login_required
def list_sessions(request: SettingsRequest) -> HttpResponse:
    sign_ins = selectors.list_sign_ins_for(request.user)[:LISTED_SESSIONS]
    context = {"sign_ins": sign_ins, "here": request.session.session_key}
    return render(request, "settings/sessions.html", {"tabs": settings_tabs(request), **context})


@require_POST
@login_required
def end_session(request: SettingsRequest, sign_in_id: UUID) -> HttpResponse:
    services.end_own_sign_in(user=request.user, sign_in_id=sign_in_id)
    return _back(request, "That session is signed out.")


@require_POST
@login_required
def end_others(request: SettingsRequest) -> HttpResponse:
    ended = services.end_other_sign_ins(user=request.user, session_key=request.session.session_key or "")
    return _back(request, f"Signed out elsewhere: {ended}.")


def _back(request: SettingsRequest, said: str) -> HttpResponse:
    messages.success(request, said)
    return HttpResponseClientRedirect(reverse("settings_sessions")) if request.htmx else redirect("settings_sessions")
