"""What is fetched from URLs that users give: websites, buckets, repositories.

Public addresses are open to all. One inside the network is reached only if the operator lists its host, its address or
its network in CONNECTOR_ALLOWED_HOSTS; link-local and metadata addresses never are. Redirects are followed here, one by
one, each judged like the first address, and credentials stay with the place they were given for.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import requests
from django.conf import settings

from chatapp import guarded
from chatapp.guarded_places import ListedPlaces

_STEP_SECONDS = 10
_SECONDS = 60
_MAX_HOPS = 5
_DEFAULT_PORTS = {"http": 80, "https": 443}
AGENT = "Chatapp"


class FetchError(Exception):
    """Its text is a sentence for whoever looks after the connector.

    `status` is what the server said, if it did, and `location` where it leads after the last hop.
    """

    def __init__(self, text: str, *, status: int | None = None, location: str = "") -> None:
        super().__init__(text)
        self.status, self.location = status, location


@dataclass(frozen=True, slots=True)
class Fetched:
    """`url` is where the answer came from in the end."""

    status: int
    url: str
    headers: Mapping[str, str]


class _ConnectorGuard:
    """Reads the setting at each call."""

    def complain_of(self, url: str) -> str:
        return complain_of(url)

    def is_allowed(self, host: str, ip: str) -> bool:
        return is_allowed(host, ip)


GUARD = _ConnectorGuard()


def fetch(
    url: str,
    *,
    into: BinaryIO,
    max_bytes: int,
    headers: Mapping[str, str] | None = None,
    credentials: Mapping[str, str] | None = None,
    hops: int = _MAX_HOPS,
    seconds: float = _SECONDS,
) -> Fetched:
    """GET, with the body of a good answer (2xx) in `into`; 304 is an answer, too.

    All hops together take at most `seconds`. `credentials` are headers that are sent to the first origin only.
    Raises FetchError.
    """
    until, origin = time.monotonic() + seconds, origin_of(url)
    for _ in range(hops + 1):
        secret = credentials if credentials and origin_of(url) == origin else {}
        bounds = guarded.Bounds(max_bytes, _STEP_SECONDS, max(0.1, until - time.monotonic()))
        try:
            answer = _get(url, into, bounds, {"User-Agent": AGENT, **(headers or {}), **(secret or {})})
        except requests.RequestException as error:
            raise _told(error) from error
        if "Location" not in answer.headers or not 300 < answer.status < 309 or answer.status == 304:
            return _checked(answer)
        url = urljoin(url, answer.headers["Location"]).partition("#")[0]
    raise FetchError("The address leads elsewhere too often." if hops else "The address leads elsewhere.", location=url)


def _get(url: str, into: BinaryIO, bounds: guarded.Bounds, headers: Mapping[str, str]) -> Fetched:
    with guarded.GuardedSession(GUARD, bounds) as session, session.open("GET", url, headers=dict(headers)) as response:
        if response.ok and not response.is_redirect:
            into.seek(0)
            into.truncate()
            into.writelines(session.pieces(response))
        return Fetched(response.status_code, url, response.headers)


def _told(error: requests.RequestException) -> FetchError:
    if isinstance(error, guarded.ForbiddenAddressError):
        return FetchError(f"The address is not allowed. {error}")
    if isinstance(error, guarded.TooLongError):
        return FetchError("It is larger than the limit.")
    if isinstance(error, requests.Timeout):
        return FetchError("The server takes too long.")
    if isinstance(error, requests.exceptions.SSLError):
        return FetchError("The server's certificate is not valid for this address.")
    return FetchError("The server cannot be reached.")


def _checked(answer: Fetched) -> Fetched:
    if answer.status == 304 or 200 <= answer.status < 300:
        return answer
    raise FetchError(f"The server answered with status {answer.status}.", status=answer.status)


def complain_of(url: str) -> str:
    """What is wrong with the address as it is written; "" when nothing is."""
    return _places().complain_of(url)


def is_allowed(host: str, ip: str) -> bool:
    """Whether a connection that is meant for `host` may go to the address `ip`."""
    return _places().is_allowed(host, ip)


def is_listed(host: str) -> bool:
    """Whether the operator names this very host, which may have an address inside the network then."""
    return _places().is_listed(host)


def _places() -> ListedPlaces:
    return ListedPlaces(settings.CONNECTOR_ALLOWED_HOSTS, "CONNECTOR_ALLOWED_HOSTS")


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port (RFC 6454); an address that cannot be read has none that equals another."""
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "", url, None
