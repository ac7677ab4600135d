"""Which addresses an endpoint may have. Operators name them, so no user can; these rules hold what they cannot see."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from chatapp.inference.engine.errors import RequestError
from chatapp.inference.providers.errors import ProviderError

_MAX_URL = 500
# Other ways to write an IPv4 address: 2130706433, 0x7f.1, 0177.0.0.1.
_NUMERIC_HOST = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*\.?", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?", re.IGNORECASE)
# The IPv4 address in its last four bytes is where the packets end.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Machines' own secrets are served there to whoever asks from inside: clouds' metadata, link-local ones aside.
_METADATA = {ipaddress.ip_address("100.100.100.200"), ipaddress.ip_address("fd00:ec2::254")}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_url(url: object, *, is_own: bool) -> str:
    """The address of an endpoint, as it is stored. `is_own`: the company's own, for which http inside it will do.

    Raises `RequestError` with a sentence. A name is looked up only when it is used, and `check_peer` judges what
    it leads to then: what a name means today says nothing of tomorrow.
    """
    if not isinstance(url, str) or not 0 < len(url) <= _MAX_URL or not url.isascii() or not url.isprintable():
        raise RequestError(f"The url of an endpoint is a text of at most {_MAX_URL} plain characters.")
    parts = _split(url)
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"}:
        raise RequestError("The url of an endpoint starts with https://.")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment or " " in url:
        raise RequestError("The url of an endpoint has no user, query or fragment; a key belongs into key.")
    address = _address(host)
    if address is None and (not _HOST.fullmatch(host) or _NUMERIC_HOST.fullmatch(host)):
        raise RequestError("The url of an endpoint names a host or a whole IP address.")
    if address is not None and _is_forbidden(address):
        raise RequestError(
            "The url of an endpoint may not be a link-local, metadata, multicast or unspecified address."
        )
    if parts.scheme == "http" and not (is_own and (address is None or _is_inside(address))):
        raise RequestError("An endpoint needs https://, unless it is the company's own and inside its network.")
    return url.rstrip("/")


def check_peer(ip: str, *, plain: bool) -> None:
    """Called with the address that was connected to, before anything is sent. Raises `ProviderError`."""
    address = _address(ip.partition("%")[0])
    if address is None or _is_forbidden(address):
        raise ProviderError("The endpoint's name leads to an address that is not allowed.", retryable=False)
    if plain and not _is_inside(address):
        raise ProviderError("The endpoint's name leads outside, where http is not allowed.", retryable=False)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a property that raises
    except ValueError:
        raise RequestError("The url of an endpoint cannot be read.") from None
    return parts


def _address(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _is_forbidden(address: Address) -> bool:
    return address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA


def _is_inside(address: Address) -> bool:
    return address.is_private or address.is_loopback
