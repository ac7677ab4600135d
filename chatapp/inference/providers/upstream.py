"""One endpoint as a worker sees it, and its connections that are kept open between answers."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2

from chatapp.inference.providers.credentials import Headers
from chatapp.inference.providers.transport import GuardedTransport

_MAX_IDLE = 32
_WRITE_SECONDS = 30.0


@dataclass(eq=False, slots=True)
class Connection:
    """Used by one answer at a time. `session` is the backend's own, made for this HTTP client."""

    url: str
    transport: GuardedTransport
    http: httpx2.Client
    session: object = None

    def close(self) -> None:
        self.transport.abort()
        self.http.close()


@dataclass(eq=False, slots=True)
class Upstream:
    """`id` names the endpoint among all workers; `url` is its base for requests; `probe_url` where to ask if it is up.

    `suspect_until`, `paused_until` are on the monotonic clock: it failed lately; it asked for a pause.
    """

    id: str
    url: str
    credential: Headers
    connect_seconds: float
    max_bytes: int
    open_session: Callable[[httpx2.Client], object]
    probe_url: str | None = None
    proxy: str | None = None
    in_flight: int = 0
    suspect_until: float = 0.0
    paused_until: float = 0.0
    _idle: list[Connection] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def connect(self) -> Connection:
        """A kept connection or a new one; nothing is sent yet."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        transport = GuardedTransport(
            url=self.url, credential=self.credential, max_bytes=self.max_bytes, proxy=self.proxy
        )
        # How long an answer may take is not for the socket to say: keep-alives reset its clock. See `Call`.
        timeout = httpx2.Timeout(None, connect=self.connect_seconds, write=_WRITE_SECONDS)
        http = httpx2.Client(transport=transport, timeout=timeout, trust_env=False, follow_redirects=False)
        return Connection(self.url, transport, http, self.open_session(http))

    def keep(self, connection: Connection) -> None:
        """After an answer that was read to its end; any other connection is closed."""
        with self._lock:
            if len(self._idle) < _MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def is_suspect(self) -> bool:
        return time.monotonic() < self.suspect_until
