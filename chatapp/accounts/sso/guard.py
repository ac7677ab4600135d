"""Which addresses of identity providers are fetched.

A provider's address is typed by an administrator, but its discovery document names further ones. Each is judged when
it is saved and again, by the address that is connected to, at each fetch: what a name means today says nothing of
tomorrow.
"""

from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from chatapp.addresses import complain_of_url, is_host_name, is_loopback_name, may_reach, read_address
from chatapp.errors import ChatappError


def check_provider_url(url: str) -> str:
    """Raises ChatappError("provider_url") with a sentence; looks no name up."""
    if complaint := complain_of(url):
        raise ChatappError("provider_url", detail=complaint)
    return url


def complain_of(url: str) -> str:
    """What is wrong with the address as it is written; "" when nothing is."""
    return complain_of_url(url) or _complain_of_place(urlsplit(url))


def is_allowed(host: str, ip: str) -> bool:
    """Whether a connection that is meant for `host` may go to the address `ip`."""
    is_named = host.lower().rstrip(".") in settings.SSO_PRIVATE_HOSTS
    return may_reach(host, ip, is_listed=lambda address: is_named or (address.is_loopback and _may_be_here(host)))


def _complain_of_place(parts: SplitResult) -> str:
    host = parts.hostname or ""
    address = read_address(host)
    if address is None and not is_host_name(host):
        return "It names a host or a whole IP address."
    if parts.scheme != "https" and not (parts.scheme == "http" and _may_be_here(host)):
        return "It starts with https://."
    if address is not None and not is_allowed(host, host):
        return "It is an address inside the network, which SSO_PRIVATE_HOSTS does not list."
    return ""


def _may_be_here(host: str) -> bool:
    """A provider on this machine, and so plain http, only where the product itself is served so (`make run`)."""
    address = read_address(host)
    return not settings.HTTPS and (is_loopback_name(host) or (address is not None and address.is_loopback))
