"""HTTP to addresses that somebody gave: each is judged as it is written and again by where the connection goes.

A name is looked up once, every address that it means is judged, and the connection goes to one of these: what the name
means a moment later (DNS rebinding) does not matter. Nothing is followed, and nothing is longer or slower than allowed.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_PIECE = 16_384


class Guard(Protocol):
    def complain_of(self, url: str) -> str:
        """What is wrong with the address as it is written, in a sentence; "" when nothing is."""

    def is_allowed(self, host: str, ip: str) -> bool:
        """Whether a connection that is meant for `host` may go to the address `ip`."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """`step_seconds` limit each wait for the other side, `seconds` the whole exchange."""

    max_bytes: int
    step_seconds: float
    seconds: float


class ForbiddenAddressError(requests.RequestException):
    """The request would have gone to a place where it may not go. Its text may be shown."""


class TooLongError(requests.RequestException):
    """The answer has more bytes than are taken."""


@dataclass(slots=True)
class _Exchange:
    guard: Guard
    bounds: Bounds
    sockets: list[socket.socket]
    was_refused: bool = False


_running = threading.local()  # .exchange: what this thread is at


class GuardedSession(requests.Session):
    """Like `requests.Session`, without redirects, proxies and credentials of the environment.

    Every refusal is a `requests.RequestException`. Each request has a connection of its own.
    """

    def __init__(self, guard: Guard, bounds: Bounds) -> None:
        super().__init__()
        self._guard, self._bounds = guard, bounds
        self.trust_env = False
        self.headers["Connection"] = "close"
        self.mount("https://", _GuardedAdapter())
        self.mount("http://", _GuardedAdapter())

    def request(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        with self.open(method, url, *args, **kwargs) as response:
            if response.is_redirect:
                raise ForbiddenAddressError("The answer leads elsewhere.")
            response._content = b"".join(self.pieces(response))  # noqa: SLF001 (what .content does)
        return response

    @contextmanager
    def open(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> Iterator[requests.Response]:
        """The answer before its body was read, for `pieces`. A redirect is an answer like any other."""
        if complaint := self._guard.complain_of(url if isinstance(url, str) else url.decode()):
            raise ForbiddenAddressError(complaint)
        kwargs.update(timeout=self._bounds.step_seconds, allow_redirects=False, stream=True)
        exchange = _Exchange(self._guard, self._bounds, [])
        with _cut_off(exchange), super().request(method, url, *args, **kwargs) as response:
            yield response

    def pieces(self, response: requests.Response) -> Iterator[bytes]:
        """Raises TooLongError, of the size after decompression."""
        size = 0
        for piece in response.iter_content(_PIECE):
            size += len(piece)
            if size > self._bounds.max_bytes:
                raise TooLongError("The answer is too long.")
            yield piece


@contextmanager
def _cut_off(exchange: _Exchange) -> Iterator[None]:
    """End the connections of the exchange in time; a timeout of a socket only limits each step."""
    _running.exchange = exchange
    late = threading.Event()
    timer = threading.Timer(exchange.bounds.seconds, _shut_down, [exchange.sockets, late])
    timer.daemon = True
    timer.start()
    try:
        yield
    except requests.RequestException as error:
        if late.is_set():
            raise requests.Timeout("The answer takes too long.") from error
        if exchange.was_refused:
            raise ForbiddenAddressError("The name leads to no allowed address.") from error
        raise
    finally:
        timer.cancel()
        for watched in exchange.sockets:
            watched.close()
    if late.is_set():  # A body without a length ends like this without an error.
        raise requests.Timeout("The answer takes too long.")


def _shut_down(sockets: list[socket.socket], late: threading.Event) -> None:
    late.set()
    for watched in sockets:
        with suppress(OSError):
            watched.shutdown(socket.SHUT_RDWR)


def resolve(guard: Guard, host: str, port: int | None) -> list[tuple[Any, ...]]:
    """What `socket.getaddrinfo` gives, looked up once. Raises OSError when an address of the name is not allowed."""
    name = host.strip("[]")
    try:
        places = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # A label of more than 63 characters, say: it is in no DNS.
        raise OSError("The name cannot be looked up.") from error
    if not places or not all(guard.is_allowed(name, str(place[4][0])) for place in places):
        raise PermissionError("The name leads to no allowed address.")
    return list(places)


def _connect(host: str, port: int | None) -> socket.socket:
    """To one of the addresses of `host`, all of which were judged. Raises OSError."""
    exchange: _Exchange = _running.exchange
    try:
        places = resolve(exchange.guard, host, port)
    except PermissionError:
        exchange.was_refused = True
        raise
    failure = OSError("No address of the name answers.")
    for family, kind, proto, _, place in places:
        connection = socket.socket(family, kind, proto)
        connection.settimeout(exchange.bounds.step_seconds)
        try:
            connection.connect(place)
        except OSError as error:
            connection.close()
            failure = error
        else:
            # A second handle, since TLS takes the first one over.
            exchange.sockets.append(connection.dup())
            return connection
    raise failure


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self.host, self.port)


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self.host, self.port)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _GuardedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
