"""The way to one endpoint: only there, only with what is meant for it, never more than can be read, stopped at once."""

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from ssl import SSLContext
from typing import Any

import httpx2

from chatapp.inference.providers.addresses import check_peer
from chatapp.inference.providers.errors import ProviderError

# What the client library adds beside these (its version, the machine, other accounts' ids) is no upstream's business.
_SENT_HEADERS = {"host", "content-type", "content-length", "accept"}
_MAX_EVENT_BYTES = 1_048_576
_MAX_ERROR_BYTES = 65_536
_EVENT_END = re.compile(rb"\n\n|\r\r|\r\n\r\n")
_RESET = struct.pack("ii", 1, 0)  # Linger, for no time.
_CONNECTED = ("connect_tcp.complete", "start_tls.complete")


@lru_cache(maxsize=1)
def _trusted() -> SSLContext:
    return httpx2.create_ssl_context()


class GuardedTransport(httpx2.BaseTransport):
    """One connection to the origin of `url`; `credential()` gives the headers that open it, anew for each request.

    Another origin is never asked, redirects are handed back and not followed, bodies are read up to `max_bytes` and
    refused beyond, and `abort()` from any thread ends whatever the connection waits for.
    """

    def __init__(
        self, *, url: str, credential: Callable[[], Mapping[str, str]], max_bytes: int, proxy: str | None = None
    ) -> None:
        self._origin = _origin(httpx2.URL(url))
        self._credential = credential
        self._max_bytes = max_bytes
        self._proxied = proxy is not None
        self._inner = httpx2.HTTPTransport(
            verify=_trusted(),
            trust_env=False,
            proxy=proxy,
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30),
        )
        # Guards both below: an abort comes before, during or after a connection is made.
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._aborted = False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if _origin(request.url) != self._origin:
            raise ProviderError("The request was meant for another host than the endpoint's.", retryable=False)
        headers = {name: value for name, value in request.headers.items() if name in _SENT_HEADERS}
        headers |= {"user-agent": "chatapp", "accept-encoding": "identity", **self._credential()}
        request.headers = httpx2.Headers(headers)
        request.extensions = {**request.extensions, "trace": self._watch}
        response = self._inner.handle_request(request)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            response.close()
            raise ProviderError("The provider sent a compressed body, which was not asked for.", retryable=False)
        stream = response.stream
        if isinstance(stream, httpx2.SyncByteStream):
            response.stream = (
                _Capped(stream, self._max_bytes) if response.is_success else _Shortened(stream, _MAX_ERROR_BYTES)
            )
        return response

    def abort(self) -> None:
        with self._lock:
            self._aborted = True
            connected = self._socket
        if connected is not None:
            # Closing would leave a thread that reads the socket asleep; shutting it down wakes it. The plain
            # socket's method, since TLS's own would take the session away under that thread.
            with contextlib.suppress(OSError):
                # An upstream that still writes may wait for room in our buffer; a plain close would leave it waiting
                # for a minute, since an orphaned socket says nothing to its probes. This makes the close a reset.
                socket.socket.setsockopt(connected, socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    @contextlib.contextmanager
    def ending_after(self, seconds: float) -> Iterator[None]:
        """Aborts what is not over by then: a timeout of the client would start anew with each byte that comes."""
        timer = threading.Timer(max(0.0, seconds), self.abort)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    @property
    def is_aborted(self) -> bool:
        return self._aborted

    def close(self) -> None:
        self._inner.close()

    def _watch(self, event: str, info: Mapping[str, Any]) -> None:
        """The trace of httpcore: called as a connection comes up, before anything is sent on it."""
        if not event.endswith(_CONNECTED):
            return
        stream = info["return_value"]
        try:
            self._admit(stream)
        except ProviderError:
            stream.close()  # The pool does not know it yet.
            raise

    def _admit(self, stream: Any) -> None:
        if not self._proxied:
            check_peer(stream.get_extra_info("server_addr")[0], plain=self._origin[0] == "http")
        with self._lock:
            self._socket = stream.get_extra_info("socket")
            if self._aborted:
                raise ProviderError("The request was given up.", retryable=False)


class _Capped(httpx2.SyncByteStream):
    """Refuses a body or a single event that grows beyond reason, before it is held in memory."""

    def __init__(self, stream: httpx2.SyncByteStream, max_bytes: int) -> None:
        self._stream = stream
        self._chunks = iter(stream)
        self._max_bytes = max_bytes
        self._is_done = False

    def __iter__(self) -> Iterator[bytes]:
        total = event = 0
        tail = b""
        for chunk in self._chunks:
            total += len(chunk)
            # An end may lie across the border of two chunks.
            seen = tail + chunk
            ends = [match.end() for match in _EVENT_END.finditer(seen)]
            event = len(seen) - ends[-1] if ends else event + len(chunk)
            tail = seen[-3:]
            self._is_done = b"[DONE]" in chunk
            if event > _MAX_EVENT_BYTES or total > self._max_bytes:
                raise ProviderError("The provider sent more than an answer can be.", retryable=False)
            yield chunk

    def close(self) -> None:
        if self._is_done:
            # The client stops at this mark; only a body that was read to its end leaves a connection for the next.
            with contextlib.suppress(httpx2.HTTPError):
                next(self._chunks, None)
        self._stream.close()


class _Shortened(httpx2.SyncByteStream):
    """The first part of a body that is only looked at for an error code."""

    def __init__(self, stream: httpx2.SyncByteStream, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes

    def __iter__(self) -> Iterator[bytes]:
        left = self._max_bytes
        for chunk in self._stream:
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return

    def close(self) -> None:
        self._stream.close()


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host.lower(), url.port or (443 if url.scheme == "https" else 80)
