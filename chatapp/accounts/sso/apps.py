"""Identity providers as allauth wants them: apps that are made for the moment and never stored."""

from collections.abc import Callable
from typing import Any

from allauth.socialaccount.models import SocialApp

from chatapp.accounts.models import IdentityProvider, ProviderKind

# What allauth calls the kinds.
ALLAUTH_NAMES = {ProviderKind.OIDC: "openid_connect", ProviderKind.SAML: "saml"}


def make_app(provider: IdentityProvider) -> SocialApp:
    kind = ProviderKind(provider.kind)
    return SocialApp(
        provider=ALLAUTH_NAMES[kind],
        provider_id=provider.slug,
        name=provider.name,
        # A SAML provider has none; allauth makes its addresses of it.
        client_id=provider.slug if kind == ProviderKind.SAML else provider.client_id,
        secret=provider.secret,
        settings=_SETTINGS[kind](provider),
    )


def _oidc_settings(provider: IdentityProvider) -> dict[str, Any]:
    return {"server_url": provider.url, "uid_field": "sub", "oauth_pkce_enabled": True}


def _saml_settings(_: IdentityProvider) -> dict[str, Any]:
    return {}


_SETTINGS: dict[ProviderKind, Callable[[IdentityProvider], dict[str, Any]]] = {
    ProviderKind.OIDC: _oidc_settings,
    ProviderKind.SAML: _saml_settings,
}
