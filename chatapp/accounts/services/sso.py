"""How people sign in: identity providers and the policy of passwords. The last way in stays."""

import re
from dataclasses import dataclass
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import transaction

from chatapp.accounts.models import IdentityProvider, ProviderKind, Role, SignInPolicy, User
from chatapp.accounts.permissions import require
from chatapp.accounts.selectors.sso import get_sign_in_policy, has_accounts_of, list_identity_providers
from chatapp.accounts.services.audit import record_event
from chatapp.accounts.sso.guard import check_provider_url
from chatapp.errors import ChatappError

MAX_PROVIDERS = 20
MAX_METADATA = 512 * 1024
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
# Other things have these names in addresses and in allauth.
_RESERVED = {"saml", "oidc", "openid-connect", "policy", "new"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFacts:
    """What an administrator types. An empty secret keeps the one that is stored."""

    name: str
    url: str = ""
    metadata: str = ""
    client_id: str = ""
    secret: str = ""
    groups_claim: str = "groups"
    subject_attribute: str = ""
    nameid_format: str = ""
    ends_provider_session: bool = True


@transaction.atomic
def add_identity_provider(*, actor: User, kind: ProviderKind, slug: str, facts: ProviderFacts) -> IdentityProvider:
    """Raises ChatappError: forbidden, invalid, exists, provider_url."""
    require(actor, "accounts.manage_sign_in")
    if not _SLUG.fullmatch(slug) or slug in _RESERVED:
        raise ChatappError("invalid", detail="the short name has 1 to 40 of a-z, 0-9 and hyphens.")
    known = list_identity_providers(enabled_only=False)
    # Whoever came from a removed one would be who the new one says.
    if any(provider.slug == slug for provider in known) or has_accounts_of(slug):
        raise ChatappError("exists", what=f"An identity provider {slug}, now or earlier,")
    if len(known) >= MAX_PROVIDERS:
        raise ChatappError("invalid", detail=f"there are {MAX_PROVIDERS} identity providers, which is the limit.")
    provider = IdentityProvider(slug=slug, kind=kind)
    _write(provider, facts)
    provider.save(force_insert=True)
    record_event(actor=actor, action="sign_in.provider_added", obj=provider, after=_describe(provider))
    return provider


@transaction.atomic
def change_identity_provider(*, actor: User, provider: IdentityProvider, facts: ProviderFacts) -> IdentityProvider:
    """Raises ChatappError: forbidden, invalid, provider_url, provider_in_use for another issuer."""
    require(actor, "accounts.manage_sign_in")
    locked = IdentityProvider.objects.select_for_update().get(pk=provider.pk)
    before = _describe(locked)
    moved = locked.kind == ProviderKind.OIDC and facts.url.rstrip("/") != locked.url.rstrip("/")
    if moved and has_accounts_of(locked.slug):
        raise ChatappError("provider_in_use")
    _write(locked, facts)
    locked.save()
    detail: dict[str, object] = {"secret_changed": bool(facts.secret)}
    record_event(
        actor=actor,
        action="sign_in.provider_changed",
        obj=locked,
        detail=detail,
        before=before,
        after=_describe(locked),
    )
    return locked


@transaction.atomic
def set_provider_enabled(*, actor: User, provider: IdentityProvider, enabled: bool) -> None:
    """Sessions that began there go on. Raises ChatappError: forbidden, last_way_in."""
    require(actor, "accounts.manage_sign_in")
    if IdentityProvider.objects.filter(pk=provider.pk, enabled=not enabled).update(enabled=enabled):
        record_event(
            actor=actor,
            action="sign_in.provider_switched",
            obj=provider,
            before={"enabled": not enabled},
            after={"enabled": enabled},
        )
    require_a_way_in()


@transaction.atomic
def remove_identity_provider(*, actor: User, provider: IdentityProvider) -> None:
    """Raises ChatappError: forbidden, last_way_in."""
    require(actor, "accounts.manage_sign_in")
    record_event(actor=actor, action="sign_in.provider_removed", obj=provider, before=_describe(provider))
    IdentityProvider.objects.filter(pk=provider.pk).delete()
    require_a_way_in()


@transaction.atomic
def set_local_login(*, actor: User, local_login: str) -> None:
    """Who may sign in by password. Raises ChatappError: forbidden, invalid, last_way_in."""
    require(actor, "accounts.manage_sign_in")
    if local_login not in SignInPolicy.LocalLogin:
        raise ChatappError("invalid", detail="there is no such policy.")
    before = get_sign_in_policy().local_login
    SignInPolicy.objects.update_or_create(pk=1, defaults={"local_login": local_login})
    if before != local_login:
        record_event(
            actor=actor,
            action="sign_in.policy_changed",
            before={"local_login": before},
            after={"local_login": local_login},
        )
    require_a_way_in()


def require_a_way_in() -> None:
    """Raises ChatappError("last_way_in") when no administrator could sign in any more."""
    if not has_a_way_in():
        raise ChatappError("last_way_in")


def has_a_way_in(*, without: UUID | None = None) -> bool:
    """Whether some administrator can sign in, other than the one with this id.

    Locks the administrators until the end of the transaction.
    """
    # Two changes that are fine each could leave nothing together: they wait for each other.
    administrators = User.objects.select_for_update().filter(
        is_active=True, is_service=False, roles__contains=[Role.ADMINISTRATOR.value]
    )
    found = [it for it in administrators.order_by("pk") if it.pk != without]
    by_password = [it for it in found if it.password and not it.password.startswith(UNUSABLE_PASSWORD_PREFIX)]
    if get_sign_in_policy().local_login == SignInPolicy.LocalLogin.BREAK_GLASS_ONLY:
        by_password = [it for it in by_password if it.is_break_glass]
    enabled = [provider.slug for provider in list_identity_providers()]
    return bool(by_password) or SocialAccount.objects.filter(user__in=found, provider__in=enabled).exists()


def _write(provider: IdentityProvider, facts: ProviderFacts) -> None:
    if not facts.name.strip() or not facts.groups_claim.strip():
        raise ChatappError("invalid", detail="a name and the claim of the groups are needed.")
    if len(facts.metadata) > MAX_METADATA:
        raise ChatappError("invalid", detail="the metadata is too long.")
    if facts.url:
        check_provider_url(facts.url)
    needed = (facts.url, facts.client_id) if provider.kind == ProviderKind.OIDC else (facts.url or facts.metadata,)
    if not all(needed):
        raise ChatappError("invalid", detail="the address and what identifies the client are needed.")
    for name in ("url", "metadata", "client_id", "subject_attribute", "nameid_format", "ends_provider_session"):
        setattr(provider, name, getattr(facts, name))
    provider.name, provider.groups_claim = facts.name.strip(), facts.groups_claim.strip()
    provider.secret = facts.secret or provider.secret
    if provider.kind == ProviderKind.OIDC and not provider.secret:
        raise ChatappError("invalid", detail="the secret of the client is needed.")


def _describe(provider: IdentityProvider) -> dict[str, object]:
    names = ("slug", "kind", "name", "url", "client_id", "groups_claim", "ends_provider_session", "enabled")
    return {name: getattr(provider, name) for name in names}
