"""What a provider's groups make of somebody, at every sign-in."""

from typing import Any

import structlog
from allauth.socialaccount.models import SocialLogin

from chatapp.accounts import selectors, services
from chatapp.accounts.models import IdentityProvider
from chatapp.accounts.sso.claims import are_left_out, read_groups

log = structlog.get_logger(__name__)


def keep_groups(login: SocialLogin, provider: IdentityProvider, claims: dict[str, Any]) -> None:
    """Keep of all claims only the groups, with the account; called before the account is looked up.

    A provider that named groups the last time and names none now has taken the last one away.
    """
    subject = login.account.uid
    groups = read_groups(claims, provider.groups_claim)
    earlier = selectors.get_claimed_groups(provider=provider.slug, subject=subject)
    if groups is None and are_left_out(claims, provider.groups_claim):
        log.warning("sso_groups_left_out", provider=provider.slug)
        services.record_event(actor=None, action="session.groups_left_out", detail={"provider": provider.slug})
        login.account.extra_data = {} if earlier is None else {"groups": earlier}
        login.follows_groups = False
        return
    if groups is None and earlier is not None:
        groups = []
    login.account.extra_data = {} if groups is None else {"groups": groups}
    login.follows_groups = groups is not None


def follow_groups(login: SocialLogin) -> None:
    """Make the user's company groups those of the provider, and the roles what the groups give."""
    if getattr(login, "follows_groups", False):
        services.set_company_groups(user=login.user, names=login.account.extra_data["groups"])
