"""Which addresses an endpoint may have. Operators name them, so no user can; these rules hold what they cannot see."""

from urllib.parse import SplitResult, urlsplit

from chatapp.addresses import is_host_name, is_inside, is_never_allowed, read_address
from chatapp.inference.engine.errors import RequestError
from chatapp.inference.providers.errors import ProviderError

_MAX_URL = 500


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
    address = read_address(host)
    if address is None and not is_host_name(host):
        raise RequestError("The url of an endpoint names a host or a whole IP address.")
    if address is not None and is_never_allowed(address):
        raise RequestError(
            "The url of an endpoint may not be a link-local, metadata, multicast or unspecified address."
        )
    if parts.scheme == "http" and not (is_own and (address is None or is_inside(address))):
        raise RequestError("An endpoint needs https://, unless it is the company's own and inside its network.")
    return url.rstrip("/")


def check_peer(ip: str, *, plain: bool) -> None:
    """Called with the address that was connected to, before anything is sent. Raises `ProviderError`."""
    address = read_address(ip)
    if address is None or is_never_allowed(address):
        raise ProviderError("The endpoint's name leads to an address that is not allowed.", retryable=False)
    if plain and not is_inside(address):
        raise ProviderError("The endpoint's name leads outside, where http is not allowed.", retryable=False)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a property that raises
    except ValueError:
        raise RequestError("The url of an endpoint cannot be read.") from None
    return parts
