"""What an IP address or the host of a URL is, for rules about where the product may connect to."""

import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit

MAX_URL = 500

# Other ways to write an IPv4 address: 2130706433, 0x7f.1, 0177.0.0.1.
_NUMERIC_HOST = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*\.?", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?", re.IGNORECASE)
# The IPv4 address in its last four bytes is where the packets end.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Machines' own secrets are served there to whoever asks from inside: clouds' metadata, link-local ones aside.
_METADATA = {ipaddress.ip_address("100.100.100.200"), ipaddress.ip_address("fd00:ec2::254")}

_LOOPBACK_NAMES = {"localhost", "localhost."}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def read_address(host: str) -> Address | None:
    """The address where packets to it end, or None when the host is no whole IP address."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def is_host_name(host: str) -> bool:
    return bool(_HOST.fullmatch(host)) and not _NUMERIC_HOST.fullmatch(host)


def is_never_allowed(address: Address) -> bool:
    """Link-local, multicast, unspecified and metadata addresses serve nobody but the machine itself."""
    return address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA


def is_inside(address: Address) -> bool:
    return address.is_private or address.is_loopback


def may_reach(host: str, ip: str, *, is_listed: Callable[[Address], bool]) -> bool:
    """Whether a connection that is meant for `host` may go to the address `ip`.

    Public addresses are open, unless the name says this machine; one inside the network only where `is_listed`.
    """
    address = read_address(ip)
    if address is None or is_never_allowed(address):
        return False
    if address.is_global and not is_inside(address):
        return not is_loopback_name(host)
    return is_listed(address)


def is_loopback_name(host: str) -> bool:
    return host.lower() in _LOOPBACK_NAMES


def complain_of_url(url: str, *, max_characters: int = MAX_URL) -> str:
    """What is wrong with a URL as it is written, wherever it leads; "" when nothing is."""
    if not 0 < len(url) <= max_characters or not url.isascii() or not url.isprintable() or set(url) & set(" \\"):
        return f"It is a text of at most {max_characters} plain characters."
    try:
        parts = urlsplit(url)
        _ = parts.port  # A property that raises.
    except ValueError:
        return "It cannot be read."
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "It has no user, password or fragment."
    return ""
