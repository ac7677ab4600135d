"""Ways of a provider to fail, and what an answer's reader is told of it: for the tests of all of them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog

from chatapp.inference.providers import ProviderError
from chatapp.inference.providers.remote import RemoteModel
from chatapp.inference.tests.fake_provider import (
    KEY,
    Exchange,
    FakeProvider,
    Respond,
    ask,
    provider,
    remote,
)

SECRET_PROMPT = "the planted prompt text"


@contextmanager
def model_at(respond: Respond, **options: Any) -> Iterator[tuple[RemoteModel, FakeProvider]]:
    with provider(respond) as server:
        model = remote(server.url + "/v1", **{"max_retries": 0, **options})
        yield model, server
        model.close()


def failure(respond: Respond, **options: Any) -> tuple[ProviderError, str, FakeProvider]:
    """The error of one answer, the text before it, and the server."""
    with model_at(respond, **options) as (model, server):
        stream = ask(model, [{"role": "user", "content": SECRET_PROMPT}])
        pieces: list[str] = []
        with structlog.testing.capture_logs() as logs, pytest.raises(ProviderError) as failed:
            pieces.extend(stream)
        assert stream.finish_reason == "error"
    for told in (str(failed.value), failed.value.message, json.dumps(logs, default=str)):
        assert KEY not in told
        assert SECRET_PROMPT not in told
        assert "\x1b" not in told
    return failed.value, "".join(pieces), server


def answering(status: int, body: bytes | dict[str, Any] = b"", headers: dict[str, str] | None = None) -> Respond:
    return lambda exchange: exchange.send(status, body, **(headers or {}))


def in_turn(*responds: Respond) -> Respond:
    left = list(responds)

    def respond(exchange: Exchange) -> None:
        left.pop(0)(exchange)

    return respond


def silent(exchange: Exchange) -> None:
    exchange.open_stream()
    exchange.wait_until_client_leaves()
