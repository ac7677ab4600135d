import http.client
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chatapp.api.tests.serving import web_server


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[str]:
    with web_server() as url:
        yield url


def pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x" * 1_000_000


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v1/documents", "/accounts/login/"])
def test_d08_and_e04_a_body_without_end_is_refused_while_it_arrives(server: str, path: str, settings: Any) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        for piece in pieces(2_000):
            sent.append(len(piece))
            yield piece

    try:
        response = httpx.post(server + path, content=endless(), timeout=60)
        assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    except httpx.WriteError:
        pass  # the connection was closed before the client looked at the answer
    assert sum(sent) < 3 * settings.UPLOAD_MAX_BYTES


@pytest.mark.django_db(transaction=True)
def test_d08_a_declared_size_is_refused_at_once(server: str) -> None:
    connection = http.client.HTTPConnection(server.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", "/v1/embeddings")
    connection.putheader("Content-Length", "3000000000")
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, response.headers["Content-Type"]) == (413, "application/problem+json")
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_an_ordinary_body_passes(server: str) -> None:
    assert httpx.post(server + "/v1/embeddings", json={"input": "x"}).status_code == 401
