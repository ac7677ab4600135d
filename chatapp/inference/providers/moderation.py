"""Asks a service how harmful texts are; in workers only."""

import time
from collections.abc import Sequence

import httpx2

from chatapp.inference.models import Endpoint, ModelVersion
from chatapp.inference.providers.breaker import Breaker
from chatapp.inference.providers.errors import ProviderError, status_error
from chatapp.inference.providers.harm import HARM_SERVICES, Scores
from chatapp.inference.providers.opening import make_upstream
from chatapp.inference.providers.options import parse_request_options
from chatapp.inference.providers.pool import UpstreamPool
from chatapp.inference.providers.upstream import Connection

_MAX_BYTES = 1_048_576


class ModerationClient:
    """Thread-safe. Nothing is tried twice: whoever waits has a time budget, and the check has a rule for failures."""

    def __init__(self, version: ModelVersion, endpoints: Sequence[Endpoint]) -> None:
        """Raises EngineError when the version's record cannot be used."""
        options = parse_request_options(version.request_options)
        self._service = HARM_SERVICES[version.preset]
        self._path = self._service.path(options.api_version)
        self._model = version.external_model
        upstreams = [
            make_upstream(endpoint, version, header=self._service.auth_header, options=options, max_bytes=_MAX_BYTES)
            for endpoint in endpoints
        ]
        self._pool = UpstreamPool(upstreams, breaker=Breaker(), probe_seconds=options.probe_seconds)

    def score(self, texts: Sequence[str], *, seconds: float) -> list[Scores]:
        """Of each text by category, from 0 to the top. Raises ProviderError, after `seconds` at the latest."""
        deadline = time.monotonic() + seconds
        scores: list[Scores] = []
        for start in range(0, len(texts), self._service.batch):
            part = texts[start : start + self._service.batch]
            with self._pool.borrow(avoid=set()) as connection:
                scores += self._service.scores(self._ask(connection, part, deadline), count=len(part))
        return scores

    def close(self) -> None:
        self._pool.close()

    def _ask(self, connection: Connection, texts: Sequence[str], deadline: float) -> bytes:
        body = self._service.body(self._model, texts)
        try:
            with (
                connection.transport.ending_after(deadline - time.monotonic()),
                connection.http.stream("POST", connection.url + self._path, json=body) as response,
            ):
                if not response.is_success:
                    raise status_error(status=response.status_code, headers=response.headers)
                return response.read()
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            why = "took too long" if time.monotonic() >= deadline else f"failed: {type(error).__name__}"
            raise ProviderError(f"The connection to the moderation service {why}.", retryable=True) from None
