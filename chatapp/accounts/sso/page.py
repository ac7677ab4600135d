"""The sign-in page."""

import secrets

from allauth.account import views
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from chatapp.accounts.selectors.break_glass import is_password_form_folded
from chatapp.accounts.sso.logout import SIGNED_OUT


@never_cache
def sign_in_page(request: HttpRequest) -> HttpResponse:
    state = request.session.pop(SIGNED_OUT, None) if "state" in request.GET else None
    if isinstance(state, str) and secrets.compare_digest(state.encode(), request.GET["state"].encode()):
        messages.success(request, "You are signed out, here and at your company's sign-in service.")
    request.is_password_folded = is_password_form_folded()  # type: ignore[attr-defined]
    response: HttpResponse = views.login(request)
    return response
