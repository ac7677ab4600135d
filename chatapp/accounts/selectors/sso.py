from collections.abc import Mapping
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings

from chatapp.accounts.models import IdentityProvider, ProviderKind, SignInPolicy, User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError

_SETTINGS_KEYS = {"openid_connect": ProviderKind.OIDC, "saml": ProviderKind.SAML}


def list_identity_providers(*, enabled_only: bool = True) -> list[IdentityProvider]:
    """Those of the settings, which are not stored, and then those of the database."""
    stored = IdentityProvider.objects.filter(enabled=True) if enabled_only else IdentityProvider.objects.all()
    configured = _configured()
    taken = {provider.slug for provider in configured}
    return [*configured, *(provider for provider in stored if provider.slug not in taken)]


def find_identity_provider(slug: str) -> IdentityProvider | None:
    """An enabled one."""
    return next((found for found in list_identity_providers() if found.slug == slug), None)


def list_identity_providers_for(user: User) -> list[IdentityProvider]:
    """All of them, for who sets them up."""
    return list_identity_providers(enabled_only=False) if can(user, "accounts.manage_sign_in") else []


def get_stored_provider_for(user: User, slug: str) -> IdentityProvider:
    """Those of the settings cannot be changed. Raises ChatappError("not_found")."""
    found = IdentityProvider.objects.filter(slug=slug).first() if can(user, "accounts.manage_sign_in") else None
    if found is None:
        raise ChatappError("not_found")
    return found


def get_sign_in_policy() -> SignInPolicy:
    return SignInPolicy.objects.first() or SignInPolicy()


def has_accounts_of(slug: str) -> bool:
    """Whether people have ever come from this provider: its slug is a part of who they are."""
    return bool(SocialAccount.objects.filter(provider=slug).exists())


def get_claimed_groups(*, provider: str, subject: str) -> list[str] | None:
    """The groups that the provider named when this subject signed in last; None when it named none at all."""
    account = SocialAccount.objects.filter(provider=provider, uid=subject).only("extra_data").first()
    groups = account.extra_data.get("groups") if account and isinstance(account.extra_data, dict) else None
    return groups if isinstance(groups, list) else None


def _configured() -> list[IdentityProvider]:
    found = []
    for key, kind in _SETTINGS_KEYS.items():
        apps = settings.SOCIALACCOUNT_PROVIDERS.get(key, {}).get("APPS", [])
        found += [_from_settings(app, kind) for app in apps]
    return found


def _from_settings(app: Mapping[str, Any], kind: ProviderKind) -> IdentityProvider:
    options = app.get("settings", {})
    return IdentityProvider(
        slug=app["provider_id"],
        kind=kind,
        name=app["name"],
        url=options.get("server_url", ""),
        metadata=options.get("metadata", ""),
        client_id=app.get("client_id", ""),
        secret=app.get("secret", ""),
        groups_claim=options.get("groups_claim", "groups"),
        subject_attribute=options.get("subject_attribute", ""),
        nameid_format=options.get("nameid_format", ""),
        ends_provider_session=options.get("ends_provider_session", True),
    )
