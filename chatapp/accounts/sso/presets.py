"""What the usual identity providers call things, for the form of a new one; docs/sso.md says what to do over there."""

from collections.abc import Mapping

from chatapp.accounts.models import ProviderKind

_PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
_MICROSOFT = "http://schemas.microsoft.com/"
# Entra ID sends it instead of the groups of somebody who has more than 150.
GROUPS_LINK = _MICROSOFT + "claims/groups.link"
LABELS = {"entra": "Entra ID", "okta": "Okta", "google": "Google Workspace", "keycloak": "Keycloak"}
_OIDC = {
    "entra": {"name": "Microsoft", "url": "https://login.microsoftonline.com/TENANT-ID/v2.0"},
    "okta": {"name": "Okta", "url": "https://ORGANISATION.okta.com"},
    "google": {"name": "Google", "url": "https://accounts.google.com"},
    "keycloak": {"name": "Keycloak", "url": "https://HOST/realms/REALM"},
}
_SAML = {
    "entra": {
        "name": "Microsoft",
        "url": "https://login.microsoftonline.com/TENANT-ID/federationmetadata/2007-06/federationmetadata.xml?appid=APP-ID",
        "groups_claim": _MICROSOFT + "ws/2008/06/identity/claims/groups",
        "subject_attribute": _MICROSOFT + "identity/claims/objectidentifier",
    },
    "okta": {
        "name": "Okta",
        "url": "https://ORGANISATION.okta.com/app/APP-ID/sso/saml/metadata",
        "subject_attribute": "userId",
    },
    "google": {"name": "Google"},
    "keycloak": {
        "name": "Keycloak",
        "url": "https://HOST/realms/REALM/protocol/saml/descriptor",
        "nameid_format": _PERSISTENT,
    },
}
_OF_KIND: dict[ProviderKind, dict[str, dict[str, str]]] = {ProviderKind.OIDC: _OIDC, ProviderKind.SAML: _SAML}


def preset_for(kind: ProviderKind, name: str) -> Mapping[str, str]:
    """Initial values of fields, by their names; none for an unknown preset."""
    return _OF_KIND[kind].get(name, {})
