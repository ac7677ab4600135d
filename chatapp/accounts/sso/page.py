"""The sign-in page, and where its forms lead: browsers hold the policy against each redirect behind a form."""

import secrets

from allauth.account import views
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from chatapp.accounts import selectors
from chatapp.accounts.models import IdentityProvider, ProviderKind
from chatapp.accounts.selectors.break_glass import is_password_form_folded
from chatapp.accounts.sso.documents import peek
from chatapp.accounts.sso.logout import SIGNED_OUT
from chatapp.accounts.sso.oidc import origin_of


def list_form_targets() -> list[str]:
    """The origins of all providers that are switched on."""
    return sorted({origin for provider in selectors.list_identity_providers() for origin in _origins(provider)})


@never_cache
def sign_in_page(request: HttpRequest) -> HttpResponse:
    state = request.session.pop(SIGNED_OUT, None) if "state" in request.GET else None
    if isinstance(state, str) and secrets.compare_digest(state.encode(), request.GET["state"].encode()):
        messages.success(request, "You are signed out, here and at your company's sign-in service.")
    request.is_password_folded = is_password_form_folded()  # type: ignore[attr-defined]
    response: HttpResponse = views.login(request)
    if targets := list_form_targets():
        response._csp_update = {"form-action": targets}  # type: ignore[attr-defined]  # noqa: SLF001 (django-csp's way)
    return response


def _origins(provider: IdentityProvider) -> set[str]:
    if provider.kind != ProviderKind.OIDC:
        return set()
    known = peek(provider.url).get("authorization_endpoint", "")
    return {origin_of(url) for url in (provider.url, known) if url}
