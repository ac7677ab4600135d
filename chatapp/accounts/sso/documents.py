"""Discovery documents and public keys of OpenID Connect providers, kept for minutes in each process."""

import threading
import time
from typing import Any

import requests

from chatapp.accounts.sso.guard import complain_of
from chatapp.accounts.sso.session import GuardedSession

_KEPT_SECONDS = 120
_WELL_KNOWN = "/.well-known/openid-configuration"
_NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
_URLS = (*_NEEDED[1:], "userinfo_endpoint", "end_session_endpoint")
_kept: dict[str, tuple[float, dict[str, Any]]] = {}
_lock = threading.Lock()


class NotAProviderError(ValueError):
    """What the address answers is not what an OpenID Connect provider answers. Its text may be shown."""


def discover(url: str, *, afresh: bool = False) -> dict[str, Any]:
    """The discovery document of an issuer (OpenID Connect Discovery 1.0, 4.2 and 4.3).

    `url` is the issuer, or the whole address of the document; with a query when the provider has several policies
    (Azure AD B2C's `?p=`). Raises requests.RequestException or NotAProviderError.
    """
    address = _address(url)
    config = _fetch(address, newer_than=time.monotonic() - (0 if afresh else _KEPT_SECONDS))
    for name in _NEEDED:
        if not isinstance(config.get(name), str):
            raise NotAProviderError(f"The discovery document has no {name}.")
    for name in _URLS:
        if name in config and (complaint := complain_of(str(config[name]))):
            raise NotAProviderError(f"The {name} of the discovery document is not allowed. {complaint}")
    if config["issuer"].rstrip("/") != address.partition("/.well-known/")[0].rstrip("/"):
        raise NotAProviderError("The discovery document is that of another issuer.")
    return config


def fetch_keys(config: dict[str, Any], *, not_older: float = _KEPT_SECONDS) -> list[dict[str, Any]]:
    """The provider's keys as JWK (RFC 7517), seconds old. Raises requests.RequestException or NotAProviderError."""
    keys = _fetch(config["jwks_uri"], newer_than=time.monotonic() - not_older).get("keys")
    if not isinstance(keys, list):
        raise NotAProviderError("The provider publishes no keys.")
    return [key for key in keys if isinstance(key, dict)]


def forget_documents() -> None:
    """Ask every provider anew."""
    with _lock:
        _kept.clear()


def _address(url: str) -> str:
    if "/.well-known/" in url:
        return url
    issuer, mark, query = url.partition("?")
    return issuer.rstrip("/") + _WELL_KNOWN + mark + query


def _fetch(url: str, *, newer_than: float) -> dict[str, Any]:
    fetched_at, document = _kept.get(url, (0.0, {}))
    if document and fetched_at > newer_than:
        return document
    with GuardedSession() as session:
        response = session.get(url, headers={"Accept": "application/json"})
    response.raise_for_status()
    document = response.json()
    if not isinstance(document, dict):
        raise requests.exceptions.InvalidJSONError("The provider's document is no object.")
    with _lock:
        _kept[url] = (time.monotonic(), document)
    return document
