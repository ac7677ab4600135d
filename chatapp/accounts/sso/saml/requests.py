"""Asks a provider to sign somebody in."""

from django.http import HttpRequest
from onelogin.saml2.auth import OneLogin_Saml2_Auth

from chatapp.accounts.models import IdentityProvider
from chatapp.accounts.sso.saml.metadata import metadata_of
from chatapp.accounts.sso.saml.parties import addresses_of, toolkit_request, toolkit_settings


def build_request(request: HttpRequest, provider: IdentityProvider) -> tuple[str, str]:
    """The address to send the browser to, and the request's ID, which the answer names. Raises SamlError.

    No RelayState is sent: where to go on is kept in the session, so nobody else can say it.
    """
    ours = toolkit_settings(provider, addresses_of(request, provider.slug), metadata_of(provider))
    auth = OneLogin_Saml2_Auth(toolkit_request(request, "saml_login", provider.slug), ours)
    url: str = auth.login(return_to="")
    return url, auth.get_last_request_id()
