"""What an identity provider says of itself (SAML metadata): its name, addresses and signing certificates.

From a URL it is fetched again after minutes, and once more when a signature fits no known certificate: a provider
that changes its key needs no restart here.
"""

import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from lxml.etree import LxmlError
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from requests import RequestException

from chatapp.accounts.models import IdentityProvider
from chatapp.accounts.sso.saml.errors import SamlError
from chatapp.accounts.sso.saml.xml import check_text
from chatapp.accounts.sso.session import GuardedSession

_FRESH_SECONDS = 300
# While the provider cannot be reached, what it said before holds on.
_STALE_SECONDS = 24 * 3600
_PAUSE_SECONDS = 1.0
FILE = "file://"  # Only settings name files; an address of the console begins with http.
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Metadata:
    entity_id: str
    sso_url: str
    slo_url: str
    certificates: tuple[str, ...]
    sso_binding: str = Names.BINDING_HTTP_REDIRECT
    fetched_at: float = 0.0


_cache: dict[str, Metadata] = {}
_lock = threading.Lock()


def metadata_of(provider: IdentityProvider) -> Metadata:
    """Raises SamlError when there is none that can be used."""
    if provider.metadata:
        return parse_metadata(provider.metadata)
    if provider.url.startswith(FILE):
        return parse_metadata(_read_file(provider.url.removeprefix(FILE)))
    with _lock:
        known = _cache.get(provider.url)
    if known and time.monotonic() - known.fetched_at < _FRESH_SECONDS:
        return known
    try:
        return _fetch(provider.url)
    except SamlError:
        if known and time.monotonic() - known.fetched_at < _STALE_SECONDS:
            log.warning("saml_metadata_stale", provider=provider.slug)
            return known
        raise


def refresh_metadata(provider: IdentityProvider, known: Metadata) -> Metadata | None:
    """Newer metadata with other certificates, or None. Whoever sends nonsense causes one fetch a second at most."""
    if not known.fetched_at or time.monotonic() - known.fetched_at < _PAUSE_SECONDS:
        return None
    try:
        found = _fetch(provider.url)
    except SamlError:
        return None
    return found if found.certificates != known.certificates else None


def parse_metadata(text: str) -> Metadata:
    """HTTP-Redirect where it is offered, else HTTP-POST.

    Raises SamlError unless it names an entity, a sign-in address for one of the two and a signing certificate.
    """
    check_text(text)
    found = _parse(text, Names.BINDING_HTTP_REDIRECT)
    binding = Names.BINDING_HTTP_REDIRECT if "singleSignOnService" in found else Names.BINDING_HTTP_POST
    found = found if binding == Names.BINDING_HTTP_REDIRECT else _parse(text, binding)
    several = found.get("x509certMulti", {}).get("signing", [])
    certificates = tuple(several or filter(None, [found.get("x509cert")]))
    sso_url = found.get("singleSignOnService", {}).get("url", "")
    slo_url = found.get("singleLogoutService", {}).get("url", "")
    if not (found.get("entityId") and certificates and _is_web_address(sso_url)):
        message = "the metadata names no entity, no certificate or no address to sign in at"
        raise SamlError(message)
    return Metadata(found["entityId"], sso_url, slo_url if _is_web_address(slo_url) else "", certificates, binding)


def _parse(text: str, binding: str) -> dict[str, Any]:
    """What it says of an identity provider that takes requests by this binding."""
    try:
        parsed = OneLogin_Saml2_IdPMetadataParser.parse(text.encode(), required_sso_binding=binding)
    except (LxmlError, ValueError) as error:
        message = "the metadata is not XML of SAML"
        raise SamlError(message) from error
    found: dict[str, Any] = parsed.get("idp", {})
    return found


def _fetch(url: str) -> Metadata:
    try:
        with GuardedSession() as session:
            response = session.get(url)
            response.raise_for_status()
            text = response.content.decode()
    except (RequestException, UnicodeDecodeError, OSError) as error:
        message = f"the metadata could not be fetched ({type(error).__name__})"
        raise SamlError(message) from error
    found = replace(parse_metadata(text), fetched_at=time.monotonic())
    with _lock:
        _cache[url] = found
    return found


def _read_file(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        message = "the file of metadata cannot be read"
        raise SamlError(message) from error


def _is_web_address(url: str) -> bool:
    """Browsers are sent there: never to a script, nor over plain http while the product itself is served by https."""
    return url.startswith("https://") or (url.startswith("http://") and not settings.HTTPS)
