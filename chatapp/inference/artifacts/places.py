"""Whether an address that a hub leads to lies inside the company's network."""

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies

from chatapp.addresses import is_inside, is_loopback_name, is_never_allowed, read_address


def leads_inside(url: str) -> bool:
    """Also an address that cannot be read or looked up, unless a proxy looks names up and judges them."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or not host or is_loopback_name(host):
        return True
    if (address := read_address(host)) is not None:
        return is_inside(address) or is_never_allowed(address)
    try:
        found = {str(place[4][0]) for place in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)}
    except OSError:
        return not getproxies().get("https")
    addresses = [read_address(ip) for ip in found]
    return any(one is None or is_inside(one) or is_never_allowed(one) for one in addresses)
