"""The way to an OpenID Connect provider and back, with a question and without."""

import secrets
from collections.abc import Callable
from typing import Any

from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.base import AuthProcess, Provider
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from requests import RequestException

from chatapp.accounts import selectors
from chatapp.accounts.models import ProviderKind
from chatapp.accounts.sessions import SILENT
from chatapp.accounts.sso.leaving import leave_to
from chatapp.accounts.sso.oidc import OpenIdAdapter


class _CallbackView(OAuth2CallbackView):  # type: ignore[misc]
    def _get_state(self, request: HttpRequest, provider: Provider) -> tuple[dict[str, Any] | None, HttpResponse | None]:
        state, response = super()._get_state(request, provider)
        self.adapter.expected_nonce = (state or {}).get("nonce", "")
        return state, response


def _respond(
    request: HttpRequest, provider_id: str, view: Callable[[HttpRequest, OpenIdAdapter], HttpResponse]
) -> HttpResponse:
    """A provider that is down or answers nonsense is an error that the sign-in page explains."""
    provider = selectors.find_identity_provider(provider_id)
    if provider is None or provider.kind != ProviderKind.OIDC:
        raise Http404
    adapter = OpenIdAdapter(request, provider)
    try:
        return view(request, adapter)
    except (RequestException, OAuth2Error, KeyError, ValueError, TypeError) as error:
        failure: HttpResponse = render_authentication_error(request, adapter.get_provider(), exception=error)
        return failure


def _start(request: HttpRequest, adapter: OpenIdAdapter, *, next_url: str | None, silent: bool) -> HttpResponse:
    nonce = secrets.token_urlsafe(24)
    response: HttpResponse = adapter.get_provider().redirect(
        request,
        process=AuthProcess.LOGIN,
        next_url=next_url,
        auth_params={"nonce": nonce, **({"prompt": "none"} if silent else {})},
        nonce=nonce,
        silent=silent,
    )
    return response


def _ask(request: HttpRequest, adapter: OpenIdAdapter) -> HttpResponse:
    there = _start(request, adapter, next_url=get_next_redirect_url(request), silent=False)
    return leave_to(request, there["Location"], name=adapter.identity_provider.name)


def _come_back(request: HttpRequest, adapter: OpenIdAdapter) -> HttpResponse:
    """Only right after a session of this provider has ended, and once: whatever comes of it, the mark is gone."""
    mark = request.session.pop(SILENT, None)
    if not isinstance(mark, dict) or mark.get("provider") != adapter.provider_id:
        return redirect("account_login")
    return _start(request, adapter, next_url=mark["next"], silent=True)


def _finish(request: HttpRequest, adapter: OpenIdAdapter) -> HttpResponse:
    # RFC 9207: an answer that says from whom it comes says so of this very provider.
    if request.GET.get("iss", adapter.openid_config["issuer"]) != adapter.openid_config["issuer"]:
        raise OAuth2Error("the answer comes from another issuer")
    response: HttpResponse = _CallbackView.adapter_view(adapter)(request)
    return response


@never_cache
@require_POST
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _respond(request, provider_id, _ask)


@never_cache
@require_GET
def silent(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _respond(request, provider_id, _come_back)


@never_cache
@require_GET
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _respond(request, provider_id, _finish)
