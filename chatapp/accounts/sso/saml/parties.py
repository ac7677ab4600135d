"""Who talks to whom: this product's addresses towards one provider, and the toolkit's settings made of them."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.errors import OneLogin_Saml2_Error
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from chatapp.accounts.models import IdentityProvider
from chatapp.accounts.sso.saml.errors import SamlError
from chatapp.accounts.sso.saml.metadata import Metadata


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the provider reaches us. Our entity ID is the address of our metadata."""

    entity_id: str
    acs: str
    logout: str


def addresses_of(request: HttpRequest, slug: str) -> Addresses:
    names = ("saml_metadata", "saml_acs", "saml_sls")
    return Addresses(*(request.build_absolute_uri(reverse(name, args=[slug])) for name in names))


def toolkit_request(request: HttpRequest, url_name: str, slug: str) -> dict[str, Any]:
    """What the toolkit wants to know of a request. The host is the one that ALLOWED_HOSTS let pass."""
    return {
        "https": "on" if request.is_secure() else "off",
        "http_host": request.get_host(),
        "script_name": "",
        "path_info": reverse(url_name, args=[slug]),
        "get_data": request.GET.dict(),
        "post_data": request.POST.dict(),
        "query_string": request.META.get("QUERY_STRING", ""),
        "validate_signature_from_qs": True,
    }


def toolkit_settings(
    provider: IdentityProvider, addresses: Addresses, metadata: Metadata | None, *, messages_signed: bool = False
) -> OneLogin_Saml2_Settings:
    """`messages_signed` is for logout, whose messages carry nothing else that is signed. Raises SamlError."""
    signs = bool(settings.SAML_SP_PRIVATE_KEY)
    wanted = {
        "strict": True,
        "debug": False,
        "sp": _service_provider(provider, addresses),
        "idp": _identity_provider(metadata) if metadata else {},
        "security": {
            "authnRequestsSigned": signs,
            "logoutRequestSigned": signs,
            "logoutResponseSigned": signs,
            "signatureAlgorithm": Names.RSA_SHA256,
            "digestAlgorithm": Names.SHA256,
            "rejectDeprecatedAlgorithm": True,
            "wantMessagesSigned": messages_signed,
            "wantNameId": True,
            "wantAttributeStatement": False,
            "allowRepeatAttributeName": True,
            "requestedAuthnContext": False,
            "allowSingleLabelDomains": True,
            "metadataValidUntil": "",  # Some providers read it once, when we are set up there.
        },
    }
    try:
        return OneLogin_Saml2_Settings(wanted, sp_validation_only=metadata is None)
    except OneLogin_Saml2_Error as error:
        message = f"the settings do not fit ({error})"
        raise SamlError(message) from error


def _service_provider(provider: IdentityProvider, addresses: Addresses) -> dict[str, Any]:
    return {
        "entityId": addresses.entity_id,
        "assertionConsumerService": {"url": addresses.acs, "binding": Names.BINDING_HTTP_POST},
        "singleLogoutService": {"url": addresses.logout, "binding": Names.BINDING_HTTP_REDIRECT},
        "NameIDFormat": provider.nameid_format or Names.NAMEID_UNSPECIFIED,
        "x509cert": settings.SAML_SP_CERTIFICATE,
        "privateKey": settings.SAML_SP_PRIVATE_KEY,
    }


def _identity_provider(metadata: Metadata) -> dict[str, Any]:
    found: dict[str, Any] = {
        "entityId": metadata.entity_id,
        "singleSignOnService": {"url": metadata.sso_url, "binding": metadata.sso_binding},
        "x509certMulti": {"signing": list(metadata.certificates)},
    }
    if metadata.slo_url:
        found["singleLogoutService"] = {"url": metadata.slo_url, "binding": Names.BINDING_HTTP_REDIRECT}
    return found
