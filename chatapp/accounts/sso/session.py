"""How documents of identity providers are fetched: only from guarded addresses, never more or longer than needed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from chatapp.accounts.sso.guard import ForbiddenAddressError, complain_of, is_allowed

_MAX_BYTES = 1024 * 1024
_STEP_SECONDS = 5
_TOTAL_SECONDS = 10
_watched = threading.local()  # .sockets: of the request that runs in this thread


class GuardedSession(requests.Session):
    """Like `requests.Session`, for identity providers: guarded addresses, no redirects, limits of size and time.

    Every refusal is a `requests.RequestException`. Proxies and credentials of the environment are not used.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.mount("https://", _GuardedAdapter())
        self.mount("http://", _GuardedAdapter())

    def request(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        if complaint := complain_of(url if isinstance(url, str) else url.decode()):
            raise ForbiddenAddressError(complaint)
        kwargs.update(timeout=_STEP_SECONDS, allow_redirects=False, stream=True)
        with _cut_off(_TOTAL_SECONDS), super().request(method, url, *args, **kwargs) as response:
            if response.is_redirect:
                raise ForbiddenAddressError("The answer leads elsewhere.")
            response._content = _read(response)  # noqa: SLF001 (what .content does)
        return response


def _read(response: requests.Response) -> bytes:
    body = b""
    for chunk in response.iter_content(16_384):
        body += chunk
        if len(body) > _MAX_BYTES:
            raise requests.RequestException("The answer is too long.")
    return body


@contextmanager
def _cut_off(seconds: float) -> Iterator[None]:
    """End the connections that this thread makes meanwhile; a timeout of a socket only limits each step."""
    sockets: list[socket.socket] = []
    _watched.sockets = sockets
    late = threading.Event()
    timer = threading.Timer(seconds, _shut_down, [sockets, late])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        for watched in sockets:
            watched.close()
    if late.is_set():  # A body without a length ends like this without an error.
        raise requests.Timeout("The answer takes too long.")


def _shut_down(sockets: list[socket.socket], late: threading.Event) -> None:
    late.set()
    for watched in sockets:
        with suppress(OSError):
            watched.shutdown(socket.SHUT_RDWR)


def _connect(host: str, port: int | None) -> socket.socket:
    """To an address of `host` that was judged: the name is not looked up twice. Raises OSError."""
    name = host.strip("[]")
    failure = OSError("The name leads to no allowed address.")
    for family, kind, proto, _, place in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM):
        if not is_allowed(name, str(place[0])):
            continue
        connection = socket.socket(family, kind, proto)
        connection.settimeout(_STEP_SECONDS)
        try:
            connection.connect(place)
        except OSError as error:
            connection.close()
            failure = error
        else:
            # A second handle, since TLS takes the first one over.
            _watched.sockets.append(connection.dup())
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
