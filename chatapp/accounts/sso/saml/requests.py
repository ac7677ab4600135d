"""Asks a provider to sign somebody in."""

import base64
from dataclasses import dataclass

from django.http import HttpRequest
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.authn_request import OneLogin_Saml2_Authn_Request
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from chatapp.accounts.models import IdentityProvider
from chatapp.accounts.sso.saml.metadata import metadata_of
from chatapp.accounts.sso.saml.parties import addresses_of, toolkit_request, toolkit_settings


@dataclass(frozen=True, slots=True)
class Asked:
    """`id` is what the answer names; `fields` go to `url` by POST, and without any it is an address to open."""

    id: str
    url: str
    fields: dict[str, str]


def build_request(request: HttpRequest, provider: IdentityProvider) -> Asked:
    """Raises SamlError. No RelayState is sent: where to go on is kept in the session, so nobody else can say it."""
    metadata = metadata_of(provider)
    ours = toolkit_settings(provider, addresses_of(request, provider.slug), metadata)
    if metadata.sso_binding == Names.BINDING_HTTP_POST:
        return _build_for_post(ours, metadata.sso_url)
    auth = OneLogin_Saml2_Auth(toolkit_request(request, "saml_login", provider.slug), ours)
    url: str = auth.login(return_to="")
    return Asked(auth.get_last_request_id(), url, {})


def _build_for_post(ours: OneLogin_Saml2_Settings, url: str) -> Asked:
    """SAML 2.0 Bindings 3.5: not deflated, and signed within the XML."""
    asked = OneLogin_Saml2_Authn_Request(ours)
    xml: str | bytes = asked.get_xml()
    if ours.get_security_data()["authnRequestsSigned"]:
        xml = OneLogin_Saml2_Utils.add_sign(xml, ours.get_sp_key(), ours.get_sp_cert())
    data = xml.encode() if isinstance(xml, str) else xml
    return Asked(asked.get_id(), url, {"SAMLRequest": base64.b64encode(data).decode()})
