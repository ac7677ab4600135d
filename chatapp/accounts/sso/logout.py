"""Signing out, here and at the OpenID Connect provider, and being signed out by it."""

import hashlib
import secrets
import time
from typing import Any
from urllib.parse import urlencode

import structlog
from allauth.account import views as allauth_views
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from redis.exceptions import RedisError
from requests import RequestException

from chatapp.accounts import selectors, services
from chatapp.accounts.models import IdentityProvider, ProviderKind, SignIn
from chatapp.accounts.sso.documents import discover
from chatapp.accounts.sso.leaving import leave_to
from chatapp.accounts.sso.saml.logout import logout_url
from chatapp.accounts.sso.tokens import read_token

log = structlog.get_logger(__name__)
SIGNED_OUT = "signed_out_state"
_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_MAX_BODY = 128 * 1024
_TOKEN_SECONDS = 600
# Between two looks for changed keys, since anybody may send tokens with made-up ones.
_KEYS_PAUSE = 2.0


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session here in any case, and then at the provider (OpenID Connect RP-Initiated Logout 1.0, SAML)."""
    sign_in = selectors.get_sign_in_by_session(request.session.session_key)
    response: HttpResponse = allauth_views.logout(request)
    provider = selectors.find_identity_provider(sign_in.provider) if sign_in else None
    if sign_in is None or provider is None or not provider.ends_provider_session:
        return response
    address = _end_session_address(request, provider, sign_in)
    return leave_to(request, address, name=provider.name, signs_out=True) if address else response


def _end_session_address(request: HttpRequest, provider: IdentityProvider, sign_in: SignIn) -> str:
    if provider.kind == ProviderKind.SAML:
        return logout_url(request, provider, sign_in) or ""
    try:
        end = discover(provider.url).get("end_session_endpoint", "")
    except (RequestException, ValueError) as error:
        log.warning("sso_logout_failed", provider=provider.slug, reason=type(error).__name__)
        return ""
    state = secrets.token_urlsafe(16)
    request.session[SIGNED_OUT] = state
    query = {
        "id_token_hint": sign_in.id_token,
        "client_id": provider.client_id,
        "post_logout_redirect_uri": request.build_absolute_uri(reverse("account_login")),
        "state": state,
    }
    return f"{end}{'&' if '?' in end else '?'}{urlencode(query)}" if end else ""


@csrf_exempt
@never_cache
@require_POST
def backchannel_logout(request: HttpRequest, provider_id: str) -> HttpResponse:
    """The provider says that a session, or all of a person, ended there (OpenID Connect Back-Channel Logout 1.0)."""
    provider = selectors.find_identity_provider(provider_id)
    if provider is None or provider.kind != ProviderKind.OIDC:
        raise Http404
    try:
        claims = _read_logout_token(provider, _take_token(request))
    except (OAuth2Error, RequestException, ValueError) as error:
        log.warning("sso_logout_token_refused", provider=provider.slug, reason=str(error)[:200])
        return JsonResponse({"error": "invalid_request"}, status=400)
    subject, sid = str(claims.get("sub", "")), str(claims.get("sid", ""))
    ended = selectors.list_sign_ins_at(provider=provider.slug, subject=subject, sid=sid)
    services.end_sign_ins(sign_ins=ended, actor=None, reason="by the identity provider")
    return HttpResponse(status=200)


def _take_token(request: HttpRequest) -> str:
    if int(request.headers.get("Content-Length") or 0) > _MAX_BODY:
        raise OAuth2Error("the request is too long")
    return request.POST.get("logout_token", "")


def _read_logout_token(provider: IdentityProvider, token: str) -> dict[str, Any]:
    """The claims (2.6). Raises OAuth2Error."""
    claims = read_token(
        token,
        config=discover(provider.url),
        client_id=provider.client_id,
        required=("iss", "aud", "iat", "jti"),
        kind="logout+jwt",
        pause=_KEYS_PAUSE,
    )
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict) or "nonce" in claims:
        raise OAuth2Error("this is no logout token")
    if not any(isinstance(claims.get(name), str) and claims[name] for name in ("sub", "sid")):
        raise OAuth2Error("the logout token names nobody")
    if claims["iat"] < time.time() - _TOKEN_SECONDS:
        raise OAuth2Error("the logout token is old")
    digest = hashlib.sha256(f"{provider.slug}:{claims['jti']}".encode()).hexdigest()
    if not _is_first_use(digest):
        raise OAuth2Error("the logout token was used before")
    return claims


def _is_first_use(digest: str) -> bool:
    """While Valkey is away a token counts as new: to end a session once more hurts less than not to end it."""
    try:
        return bool(cache.add(f"logout-token:{digest}", 1, _TOKEN_SECONDS * 2))
    except RedisError:
        return True
