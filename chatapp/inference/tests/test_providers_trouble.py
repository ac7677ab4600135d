"""Upstreams that refuse, redirect or are not there (fault case F25, security case E12)."""

import pytest

from chatapp.inference.engine import EngineError
from chatapp.inference.providers import ProviderError
from chatapp.inference.tests.fake_provider import (
    KEY,
    ask,
    hello,
    provider,
    remote,
)
from chatapp.inference.tests.provider_trouble import SECRET_PROMPT, answering, failure, model_at


@pytest.mark.parametrize(
    "status,code,retryable",
    [
        (400, None, False),
        (401, "invalid_api_key", False),
        (403, None, False),
        (404, "model_not_found", False),
        (408, None, True),
        (429, "rate_limit_exceeded", True),
        (429, "insufficient_quota", False),
        (500, None, True),
        (502, None, True),
        (503, None, True),
    ],
)
def test_a_status_says_whether_another_try_may_help(status: int, code: str | None, *, retryable: bool) -> None:
    message = f"Incorrect API key provided: {KEY} for prompt {SECRET_PROMPT}\x1b[2J"
    error, text, _ = failure(answering(status, {"error": {"message": message, "code": code, "type": None}}))
    assert (error.retryable, text) == (retryable, "")
    assert str(error) == f"The provider answered {status}{f' ({code})' if code else ''}."


@pytest.mark.parametrize(
    "body", [b"<html>busy</html>", b"\xff\xfe", b"[" * 100_000, b'{"error": "' + KEY.encode() + b'"}', b"x" * 10**7]
)
def test_an_error_may_have_any_body(body: bytes) -> None:
    error, _, _ = failure(answering(503, body))
    assert (str(error), error.retryable) == ("The provider answered 503.", True)


def test_a_code_that_is_prose_is_not_repeated() -> None:
    error, _, _ = failure(answering(400, {"error": {"code": f"bad key {KEY}", "message": "x"}}))
    assert str(error) == "The provider answered 400."


def test_a_code_that_only_repeats_the_status_is_not_repeated() -> None:
    error, _, _ = failure(answering(503, {"error": {"code": 503, "message": "Loading model"}}))
    assert str(error) == "The provider answered 503."


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_d15_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(status: int) -> None:
    with provider(hello("stolen")) as other:
        error, _, server = failure(
            answering(status, headers={"location": other.url + "/v1/chat/completions"}), max_retries=3
        )
        assert not error.retryable
        assert "Redirects are not followed" in str(error)
        assert other.asked == []
        assert len(server.asked) == 1


def test_d15_a_challenge_for_a_foreign_realm_is_ignored() -> None:
    with provider(hello("stolen")) as other:
        challenge = f'Bearer realm="{other.url}/token",service="x",scope="y"'
        error, _, server = failure(answering(401, headers={"www-authenticate": challenge}), max_retries=3)
        assert str(error) == "The provider answered 401."
        assert other.asked == []
        assert len(server.asked) == 1


def test_d15_nothing_is_sent_to_another_origin_even_if_a_client_asks_for_it() -> None:
    with provider(hello("a")) as own, provider(hello("b")) as other:
        model = remote(own.url)
        upstream = model._pool._upstreams[0]
        connection = upstream.connect()
        with pytest.raises(ProviderError, match="another host"):
            connection.http.get(other.url + "/x", headers={"authorization": "Bearer mine"})
        connection.close()
        model.close()
        assert other.asked == []


def test_what_the_environment_or_the_library_would_add_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, f"planted-{name}")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with model_at(hello("a")) as (model, server):
        assert "".join(ask(model)) == "a"
        headers = server.asked[0].headers
    assert set(headers) - {"connection"} == {
        "host",
        "authorization",
        "accept",
        "accept-encoding",
        "content-length",
        "content-type",
        "user-agent",
    }
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["user-agent"] == "chatapp"


def test_nobody_at_the_address_is_retryable() -> None:
    model = remote("http://127.0.0.1:9", max_retries=1, connect_seconds=2)
    with pytest.raises(ProviderError, match="connection to the provider failed: ConnectError") as failed:
        list(ask(model))
    assert failed.value.retryable
    model.close()


def test_an_error_of_the_provider_is_one_of_the_engine() -> None:
    error = ProviderError("why", retryable=True, retry_after=2.0)
    assert isinstance(error, EngineError)
    assert (str(error), error.code, error.retry_after) == ("why", "model_unavailable", 2.0)


def test_a_call_needs_room_for_a_token() -> None:
    with model_at(hello("a")) as (model, server):
        with pytest.raises(EngineError, match="max_tokens is at least 1"):
            ask(model, max_tokens=0)
        assert server.asked == []
