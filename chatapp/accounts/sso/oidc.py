"""Single sign-on by OpenID Connect: allauth's code flow with PKCE, plus nonce and signature of the ID token."""

from functools import cached_property
from typing import Any

from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Client, OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest

from chatapp.accounts import services
from chatapp.accounts.models import IdentityProvider, SignIn
from chatapp.accounts.sso.apps import make_app
from chatapp.accounts.sso.claims import clean
from chatapp.accounts.sso.documents import discover
from chatapp.accounts.sso.provisioned import keep_external_id
from chatapp.accounts.sso.rights import keep_groups
from chatapp.accounts.sso.tokens import read_id_token

_MAX_SUBJECT = 191  # What allauth stores.
_PROFILE = ("email", "preferred_username", "name", "given_name", "family_name")


class _Client(OAuth2Client):  # type: ignore[misc]
    def get_redirect_url(self, authorization_url: str, scope: list[str], extra_params: dict[str, Any]) -> str:
        """Keeps a query that the address already has (RFC 6749, 3.1)."""
        place, _, query = authorization_url.partition("?")
        url: str = super().get_redirect_url(place, scope, extra_params)
        return f"{url}&{query}" if query else url


class OpenIdAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """Raises requests.RequestException, ValueError or KeyError when the provider is down or answers nonsense."""

    client_class = _Client
    expected_nonce = ""

    def __init__(self, request: HttpRequest, identity_provider: IdentityProvider) -> None:
        super().__init__(request, identity_provider.slug)
        self.identity_provider = identity_provider

    @cached_property
    def openid_config(self) -> dict[str, Any]:
        return discover(self.identity_provider.url)

    def get_provider(self) -> OpenIDConnectProvider:
        provider = OpenIDConnectProvider(self.request, app=make_app(self.identity_provider))
        provider.get_oauth2_adapter = lambda _: self
        return provider

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        """Raises OAuth2Error when the ID token is missing or when it and the user info disagree on who signs in."""
        id_token = kwargs["response"].get("id_token")
        if not isinstance(id_token, str):
            raise OAuth2Error("the provider sent no ID token")
        claims = read_id_token(
            id_token,
            config=self.openid_config,
            client_id=app.client_id,
            nonce=self.expected_nonce,
            access_token=token.token,
        )
        info = self._fetch_info(token)
        if info and info.get("sub") != claims["sub"]:
            raise OAuth2Error("the ID token and the user info are about different subjects")
        if not 0 < len(claims["sub"]) <= _MAX_SUBJECT or "\0" in claims["sub"]:
            raise OAuth2Error("the subject cannot be stored")
        merged = clean({**claims, **info})
        profile = {name: merged[name] for name in _PROFILE if isinstance(merged.get(name), str)}
        response = {"id_token": {**profile, "sub": claims["sub"]}}
        login: SocialLogin = self.get_provider().sociallogin_from_response(request, response)
        keep_groups(login, self.identity_provider, merged)
        keep_external_id(login, self.identity_provider, merged)
        request.voucher = self._vouch(claims, id_token)  # type: ignore[attr-defined]
        return login

    def _fetch_info(self, token: SocialToken) -> dict[str, Any]:
        if "userinfo_endpoint" not in self.openid_config:
            return {}
        info = self._fetch_user_info(token.token)
        if not isinstance(info, dict):
            raise OAuth2Error("the user info is no object")
        return info

    def _vouch(self, claims: dict[str, Any], id_token: str) -> services.Voucher:
        end = self.openid_config.get("end_session_endpoint", "")
        ends_there = bool(end) and self.identity_provider.ends_provider_session
        return services.Voucher(
            method=SignIn.Method.OIDC,
            provider=self.identity_provider.slug,
            subject=claims["sub"],
            sid=clean(str(claims.get("sid", ""))),
            id_token=id_token if ends_there else "",
        )
