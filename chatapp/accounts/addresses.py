"""From where somebody calls: for the audit log, limits and lock-outs alike.

Whoever calls may write any header. `X-Forwarded-For` counts only with BEHIND_PROXY, and then only its last entry, which
the proxy itself added; what stands before it came from outside.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from chatapp.addresses import read_address


def client_address(request: HttpRequest) -> str | None:
    """The caller's IP address in one spelling (an IPv4 address is never an IPv6 one); None when there is none."""
    return _read(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def client_address_of_scope(scope: dict[str, Any]) -> str | None:
    """The same for an ASGI scope, as of a websocket."""
    forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    peer = scope.get("client") or ("", 0)
    return _read(peer[0], ",".join(forwarded))


def _read(peer: str, forwarded: str) -> str | None:
    if settings.BEHIND_PROXY and forwarded:
        peer = forwarded.rpartition(",")[2]
    address = read_address(peer.strip())
    return None if address is None else str(address)
