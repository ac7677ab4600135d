"""Turns an assertion's claims into what allauth signs in: subject, name, groups."""

from typing import Any

from allauth.socialaccount.providers.saml.provider import SAMLProvider
from django.http import HttpRequest
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names

from chatapp.accounts.models import IdentityProvider
from chatapp.accounts.sso.apps import make_app
from chatapp.accounts.sso.saml.errors import SamlError
from chatapp.accounts.sso.saml.responses import Claims

_SCHEMAS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
# What becomes of attributes: the first that is there. None of them is an identity.
_FIELDS = {
    "username": ("username", "uid", "urn:oid:0.9.2342.19200300.100.1.1", _SCHEMAS + "upn", _SCHEMAS + "name"),
    "email": ("email", "mail", "urn:oid:0.9.2342.19200300.100.1.3", _SCHEMAS + "emailaddress"),
    "first_name": ("firstName", "givenName", "urn:oid:2.5.4.42", _SCHEMAS + "givenname"),
    "last_name": ("lastName", "sn", "surname", "urn:oid:2.5.4.4", _SCHEMAS + "surname"),
}
_MAX_SUBJECT = 191
_MAX_FIELD = 150


class SamlProvider(SAMLProvider):  # type: ignore[misc]
    def __init__(self, request: HttpRequest, identity_provider: IdentityProvider) -> None:
        super().__init__(request, app=make_app(identity_provider))
        self.identity_provider = identity_provider

    def extract_uid(self, claims: Claims) -> str:
        """The configured attribute, else the NameID. Raises SamlError unless it names the same person next time."""
        if name := self.identity_provider.subject_attribute:
            values = claims.attributes.get(name, [])
            if len(values) != 1:
                raise SamlError("the attribute of the subject does not have one value")
            subject = values[0]
        else:
            if claims.name_id_format == Names.NAMEID_TRANSIENT:
                raise SamlError("the NameID is another one at each sign-in")
            subject = claims.name_id
        if not 0 < len(subject) <= _MAX_SUBJECT:
            raise SamlError("the subject is too long")
        return subject

    def extract_extra_data(self, _: Claims) -> dict[str, Any]:
        """Nothing: attributes tell more of a person than an assistant needs to keep. Groups are read apart."""
        return {}

    def extract_common_fields(self, claims: Claims) -> dict[str, str]:
        found = {}
        for field, names in _FIELDS.items():
            values = next((claims.attributes[name] for name in names if claims.attributes.get(name)), [""])
            found[field] = values[0][:_MAX_FIELD]
        found["username"] = found["username"] or claims.name_id[:_MAX_FIELD]
        return found
