"""Reads a provider's response to a sign-in: verified by the toolkit, then held to the profile where that is lenient.

SAML 2.0 Profiles 4.1.4.2 and 4.1.4.3; what a signature covers is all that is believed.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.utils import timezone
from lxml.etree import LxmlError, tostring
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.utils import OneLogin_Saml2_Utils
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

from chatapp.accounts.models import IdentityProvider
from chatapp.accounts.sso.saml.errors import SamlError, UnsolicitedError
from chatapp.accounts.sso.saml.metadata import Metadata, metadata_of, refresh_metadata
from chatapp.accounts.sso.saml.parties import Addresses, addresses_of, toolkit_request, toolkit_settings
from chatapp.accounts.sso.saml.xml import check_signatures, decode_message

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

SKEW = timedelta(seconds=60)
_MAX_ID = 128
_NAMES = Names.NSMAP


@dataclass(frozen=True, slots=True)
class Claims:
    """What one assertion says of the person who signs in."""

    name_id: str
    name_id_format: str
    session_index: str
    attributes: dict[str, list[str]]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Assertion:
    id: str
    in_response_to: str
    expires_at: datetime
    claims: Claims


def read_response(request: HttpRequest, provider: IdentityProvider) -> Assertion:
    """Raises SamlError, whose text names the reason; UnsolicitedError for an answer to no request."""
    encoded = request.POST.get("SAMLResponse", "")
    decode_message(encoded)
    metadata = metadata_of(provider)
    try:
        return _read(request, provider, metadata, encoded)
    except _UnknownKeyError:
        newer = refresh_metadata(provider, metadata)
        if newer is None:
            raise
        return _read(request, provider, newer, encoded)


class _UnknownKeyError(SamlError):
    pass


def _read(request: HttpRequest, provider: IdentityProvider, metadata: Metadata, encoded: str) -> Assertion:
    addresses = addresses_of(request, provider.slug)
    try:
        response = OneLogin_Saml2_Response(toolkit_settings(provider, addresses, metadata), encoded)
        # Parsed once more: lxml does not find by name what xmlsec decrypted into a tree.
        root = OneLogin_Saml2_XML.to_etree(tostring(response.get_xml_document()))
        check_signatures(root)
        response.is_valid(toolkit_request(request, "saml_acs", provider.slug), raise_exceptions=True)
        return _read_verified(response, root, addresses)
    except OneLogin_Saml2_ValidationError as error:
        kind = _UnknownKeyError if error.code == OneLogin_Saml2_ValidationError.INVALID_SIGNATURE else SamlError
        message = f"the response is not valid (code {error.code})"
        raise kind(message) from error
    except (OneLogin_Saml2_Error, LxmlError, ValueError, TypeError, AttributeError) as error:
        message = f"the response cannot be read ({type(error).__name__})"
        raise SamlError(message) from error


def _read_verified(response: OneLogin_Saml2_Response, root: "Element", addresses: Addresses) -> Assertion:
    (assertion,) = root.findall("saml:Assertion", _NAMES)
    in_response_to = root.get("InResponseTo", "")
    if len(in_response_to) > _MAX_ID:
        raise SamlError("the response names no request of ours")
    if not in_response_to:
        raise UnsolicitedError("the response answers no request")
    destination = root.get("Destination")
    if destination != addresses.acs and (destination is not None or root.find("ds:Signature", _NAMES) is not None):
        raise SamlError("the destination is another address")
    expires_at = _check_conditions(assertion, addresses)
    expires_at = max(expires_at, _check_subject(assertion, addresses, in_response_to))
    claims = Claims(
        name_id=response.get_nameid(),
        name_id_format=response.get_nameid_format() or "",
        session_index=response.get_session_index() or "",
        attributes=_attributes(response),
    )
    return Assertion(assertion.get("ID", ""), in_response_to, expires_at + SKEW, claims)


def _check_conditions(assertion: "Element", addresses: Addresses) -> datetime:
    """Returns until when they hold."""
    (conditions,) = assertion.findall("saml:Conditions", _NAMES)
    expires_at = _within(conditions.get("NotBefore"), conditions.get("NotOnOrAfter"))
    restrictions = conditions.findall("saml:AudienceRestriction", _NAMES)
    named = [{(it.text or "").strip() for it in one.findall("saml:Audience", _NAMES)} for one in restrictions]
    if not named or any(addresses.entity_id not in audiences for audiences in named):
        raise SamlError("the assertion is for another audience")
    return expires_at


def _check_subject(assertion: "Element", addresses: Addresses, in_response_to: str) -> datetime:
    """Returns until when a bearer may confirm it. Both places have to name the request: only one may be signed."""
    for confirmation in assertion.findall("saml:Subject/saml:SubjectConfirmation", _NAMES):
        data = confirmation.find("saml:SubjectConfirmationData", _NAMES)
        if confirmation.get("Method") != Names.CM_BEARER or data is None or data.get("NotOnOrAfter") is None:
            continue
        if data.get("Recipient") == addresses.acs and data.get("InResponseTo") == in_response_to:
            return _within(data.get("NotBefore"), data.get("NotOnOrAfter"))
    raise SamlError("the assertion is not for this address, or answers no request")


def _within(not_before: str | None, not_on_or_after: str | None) -> datetime:
    now = timezone.now()
    if not_before and _time(not_before) > now + SKEW:
        raise SamlError("the assertion is not valid yet")
    expires_at = _time(not_on_or_after) if not_on_or_after else now
    if not_on_or_after and expires_at <= now - SKEW:
        raise SamlError("the assertion has expired")
    return expires_at


def _time(value: str) -> datetime:
    return datetime.fromtimestamp(OneLogin_Saml2_Utils.parse_SAML_to_time(value), UTC)


def _attributes(response: OneLogin_Saml2_Response) -> dict[str, list[str]]:
    """By name and by friendly name; a name wins over another attribute's friendly name."""
    found = {**response.get_friendlyname_attributes(), **response.get_attributes()}
    return {name: [value for value in values if isinstance(value, str)] for name, values in found.items()}
