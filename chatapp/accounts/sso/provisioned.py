"""Somebody whom a SCIM client made signs in: the first sign-in opens that very account."""

from typing import Any

from allauth.socialaccount.models import SocialLogin
from django.http import HttpRequest

from chatapp.accounts import services
from chatapp.accounts.models import IdentityProvider
from chatapp.accounts.selectors.provisioning import claim_of, find_provisioned_user


def keep_external_id(login: SocialLogin, provider: IdentityProvider, claims: dict[str, Any]) -> None:
    """Keep with the account what equals a SCIM `externalId`, so that a client that comes later finds the person."""
    claim = claim_of(provider.slug)
    told = login.account.uid if claim == "sub" else claims.get(claim)
    if isinstance(told, list) and len(told) == 1:  # As SAML gives attributes.
        told = told[0]
    if isinstance(told, str) and told:
        login.account.extra_data = {**login.account.extra_data, "external_id": told}


def open_provisioned_account(request: HttpRequest, login: SocialLogin) -> None:
    """For a first sign-in. Names and addresses decide nothing."""
    told = login.account.extra_data.get("external_id", "")
    user = find_provisioned_user(provider=login.account.provider, external_id=told)
    if user is None:
        return
    login.user = user
    login.save(request, connect=True)
    services.record_event(
        actor=user, action="user.linked_to_provider", obj=user, detail={"provider": login.account.provider}
    )
