"""The endpoints of one version: which of them an answer goes to, and what is known of their health."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx2
import structlog

from chatapp.inference.providers.breaker import Breaker
from chatapp.inference.providers.errors import ProviderError
from chatapp.inference.providers.upstream import Connection, Upstream

_SUSPECT_SECONDS = 30.0
_PROBE_SECONDS = 5.0
log = structlog.get_logger(__name__)


class UpstreamPool:
    """Thread-safe. A failed endpoint is asked last for a while, or until a probe finds it up; one whose circuit is
    open, or that asked for a pause, is not asked at all.
    """

    def __init__(self, upstreams: Sequence[Upstream], *, breaker: Breaker, probe_seconds: float) -> None:
        self._upstreams = tuple(upstreams)
        self._breaker = breaker
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._prober: threading.Thread | None = None
        # With one endpoint there is nothing to choose, and so nothing to know beforehand.
        if len(self._upstreams) > 1:
            self._prober = threading.Thread(target=self._probe_all, args=[probe_seconds], daemon=True)
            self._prober.start()

    @contextmanager
    def borrow(self, *, avoid: set[str]) -> Iterator[Connection]:
        """A connection to the best endpoint; raises `ProviderError` when none may be asked.

        What the body raises decides what becomes of connection and endpoint; those that failed are added to `avoid`.
        """
        upstream = self._choose(avoid)
        connection: Connection | None = None
        is_whole = False
        try:
            connection = upstream.connect()
            yield connection
            is_whole = not connection.transport.is_aborted
            self._breaker.record(upstream.id, ok=True)
            upstream.suspect_until = 0.0
        except ProviderError as error:
            self._note(upstream, error)
            avoid.add(upstream.id)
            raise
        finally:
            with self._lock:
                upstream.in_flight -= 1
            if connection is not None:
                (upstream.keep if is_whole else Connection.close)(connection)

    def close(self) -> None:
        self._closing.set()
        if self._prober is not None:
            self._prober.join()
        for upstream in self._upstreams:
            upstream.close()

    def _choose(self, avoid: set[str]) -> Upstream:
        """The least loaded one that is in good health; among equals by chance, since other workers choose as well."""
        now = time.monotonic()
        with self._lock:
            ready = [upstream for upstream in self._upstreams if now >= upstream.paused_until]
            ready.sort(key=lambda one: (one.id in avoid, one.is_suspect(), one.in_flight, random.random()))  # noqa: S311
        for upstream in ready:
            if self._breaker.allows(upstream.id):
                with self._lock:
                    upstream.in_flight += 1
                return upstream
        if ready:
            raise ProviderError("The provider failed too often and is left alone for a while.", retryable=True)
        pause = min(upstream.paused_until for upstream in self._upstreams) - now
        raise ProviderError("The provider asked for a pause.", retryable=True, retry_after=pause)

    def _note(self, upstream: Upstream, error: ProviderError) -> None:
        """An endpoint that refuses a request for good does answer, and so is no broken one."""
        self._breaker.record(upstream.id, ok=not error.retryable)
        if error.retryable:
            now = time.monotonic()
            upstream.suspect_until = now + _SUSPECT_SECONDS
            upstream.paused_until = now + (error.retry_after or 0.0)

    def _probe_all(self, seconds: float) -> None:
        while not self._closing.wait(seconds):
            for upstream in self._upstreams:
                if upstream.probe_url and not self._closing.is_set():
                    self._probe(upstream, upstream.probe_url, seconds)

    def _probe(self, upstream: Upstream, url: str, seconds: float) -> None:
        connection = upstream.connect()
        is_up = False
        try:
            with (
                connection.transport.ending_after(_PROBE_SECONDS),
                connection.http.stream("GET", url, timeout=_PROBE_SECONDS) as response,
            ):
                is_up = response.is_success
                response.read()
        except (httpx2.HTTPError, ProviderError) as error:
            log.info("provider_probe_failed", endpoint=upstream.id, reason=type(error).__name__)
        (upstream.keep if is_up and not connection.transport.is_aborted else Connection.close)(connection)
        # Until the probe after next, in case that one is late.
        upstream.suspect_until = 0.0 if is_up else time.monotonic() + 2 * seconds
