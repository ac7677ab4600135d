"""Single sign-on by OpenID Connect: allauth's code flow with PKCE, plus nonce and signature of the ID token."""

import secrets
from collections.abc import Callable
from typing import Any

import jwt
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.base import AuthProcess, Provider
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from requests import RequestException

# Public-key signatures only: with HS256 the published key itself could sign.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_CLOCK_LEEWAY_SECONDS = 30


class OpenIdAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    expected_nonce = ""

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        """Raises OAuth2Error when the ID token is missing or when it and the user info disagree on who signs in."""
        try:
            login = super().complete_login(request, app, token, **kwargs)
        except (KeyError, ValueError) as error:
            message = "the provider's answer is not complete"
            raise OAuth2Error(message) from error
        if login.account.extra_data.get("id_token", {}).get("sub") != login.account.uid:
            message = "the ID token and the user info are about different subjects"
            raise OAuth2Error(message)
        return login

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        config = self.openid_config
        with get_adapter().get_requests_session() as session:
            response = session.get(config["jwks_uri"])
            response.raise_for_status()
        try:
            keys = jwt.PyJWKSet.from_dict(response.json())
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key=_signing_key(keys, jwt.get_unverified_header(id_token).get("kid")),
                algorithms=_ALGORITHMS,
                issuer=config["issuer"],
                audience=app.client_id,
                leeway=_CLOCK_LEEWAY_SECONDS,
                options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"]},
            )
        except (jwt.PyJWTError, KeyError, ValueError) as error:
            message = "the ID token is not valid"
            raise OAuth2Error(message) from error
        if not secrets.compare_digest(str(claims["nonce"]).encode(), self.expected_nonce.encode()):
            message = "the nonce is not the one that this session sent"
            raise OAuth2Error(message)
        return claims


def _signing_key(keys: jwt.PyJWKSet, kid: str | None) -> jwt.PyJWK:
    """A token may leave out the id of its key only while the provider publishes a single one. Raises KeyError."""
    if kid is None and len(keys.keys) == 1:
        return keys.keys[0]
    return keys[kid or ""]


class _CallbackView(OAuth2CallbackView):  # type: ignore[misc]
    def _get_state(self, request: HttpRequest, provider: Provider) -> tuple[dict[str, Any] | None, HttpResponse | None]:
        state, response = super()._get_state(request, provider)
        self.adapter.expected_nonce = (state or {}).get("nonce", "")
        return state, response


def _respond(
    request: HttpRequest, provider_id: str, view: Callable[[HttpRequest, OpenIdAdapter], HttpResponse]
) -> HttpResponse:
    """A provider that is down or answers nonsense is an error that the sign-in page explains."""
    adapter = OpenIdAdapter(request, provider_id)
    try:
        provider = adapter.get_provider()
    except SocialApp.DoesNotExist:
        raise Http404 from None
    try:
        return view(request, adapter)
    except (RequestException, KeyError, ValueError) as error:
        failure: HttpResponse = render_authentication_error(request, provider, exception=error)
        return failure


def _redirect_to_provider(request: HttpRequest, adapter: OpenIdAdapter) -> HttpResponse:
    nonce = secrets.token_urlsafe(24)
    response: HttpResponse = adapter.get_provider().redirect(
        request,
        process=AuthProcess.LOGIN,
        next_url=get_next_redirect_url(request),
        auth_params={"nonce": nonce},
        nonce=nonce,
    )
    return response


def _finish(request: HttpRequest, adapter: OpenIdAdapter) -> HttpResponse:
    response: HttpResponse = _CallbackView.adapter_view(adapter)(request)
    return response


@never_cache
@require_POST
def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _respond(request, provider_id, _redirect_to_provider)


@never_cache
@require_GET
def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _respond(request, provider_id, _finish)
