"""Upstreams that are late, rude, broken or hostile (fault cases F25 to F28, security case E12)."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog

from chatapp.inference.engine import EngineError
from chatapp.inference.providers import ProviderError
from chatapp.inference.providers.remote import RemoteModel
from chatapp.inference.tests.fake_provider import (
    DONE,
    KEY,
    Exchange,
    FakeProvider,
    Respond,
    ask,
    chunk,
    event,
    hello,
    provider,
    remote,
    streaming,
    usage,
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
def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(status: int) -> None:
    with provider(hello("stolen")) as other:
        error, _, server = failure(
            answering(status, headers={"location": other.url + "/v1/chat/completions"}), max_retries=3
        )
        assert not error.retryable
        assert "Redirects are not followed" in str(error)
        assert other.asked == []
        assert len(server.asked) == 1


def test_a_challenge_for_a_foreign_realm_is_ignored() -> None:
    with provider(hello("stolen")) as other:
        challenge = f'Bearer realm="{other.url}/token",service="x",scope="y"'
        error, _, server = failure(answering(401, headers={"www-authenticate": challenge}), max_retries=3)
        assert str(error) == "The provider answered 401."
        assert other.asked == []
        assert len(server.asked) == 1


def test_nothing_is_sent_to_another_origin_even_if_a_client_asks_for_it() -> None:
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


def test_before_the_first_text_it_is_tried_again() -> None:
    respond = in_turn(answering(503), answering(429, headers={"retry-after-ms": "1"}), hello("third time"))
    with model_at(respond, max_retries=2) as (model, server):
        assert "".join(ask(model)) == "third time"
        assert len(server.asked) == 3


def test_after_as_many_tries_as_allowed_the_last_error_is_told() -> None:
    error, _, server = failure(answering(503), max_retries=1)
    assert (error.retryable, len(server.asked)) == (True, 2)


def test_after_the_first_text_nothing_is_repeated() -> None:
    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        exchange.write(event(chunk("Half an ")))
        exchange.break_off()

    error, text, server = failure(respond, max_retries=3)
    assert (text, len(server.asked)) == ("Half an ", 1)
    assert "connection" in str(error)


@pytest.mark.parametrize("header,seconds", [("retry-after", "1"), ("retry-after-ms", "1000")])
def test_the_pause_that_was_asked_for_is_kept(header: str, seconds: str) -> None:
    times: list[float] = []

    def respond(exchange: Exchange) -> None:
        times.append(time.monotonic())
        (hello("a") if len(times) > 1 else answering(429, headers={header: seconds}))(exchange)

    with model_at(respond, max_retries=1) as (model, _):
        assert "".join(ask(model)) == "a"
    assert times[1] - times[0] >= 1.0


def test_a_pause_beyond_the_time_there_is_ends_it_at_once() -> None:
    error, _, server = failure(answering(429, headers={"retry-after": "3600"}), max_retries=3)
    assert (error.retry_after, len(server.asked)) == (3600.0, 1)


def test_no_first_text_in_time_is_retryable_and_frees_the_upstream() -> None:
    left = threading.Event()

    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        if exchange.wait_until_client_leaves():
            left.set()

    error, _, _ = failure(respond, first_token_seconds=0.3)
    assert (str(error), error.retryable) == ("The provider sent nothing for 0.3 s.", True)
    assert left.wait(20)


def test_keep_alives_are_no_text() -> None:
    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        for _ in range(400):
            exchange.write(b": keep-alive\n\n")
            time.sleep(0.05)

    error, _, _ = failure(respond, first_token_seconds=0.3)
    assert str(error) == "The provider sent nothing for 0.3 s."


def test_a_try_that_was_too_slow_is_followed_by_another() -> None:
    with model_at(in_turn(silent, hello("a")), first_token_seconds=0.3, max_retries=1) as (model, _):
        assert "".join(ask(model)) == "a"


def test_waiting_within_the_limits_is_progress_and_thinking_is_too() -> None:
    may_go_on = threading.Event()

    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        thought = chunk()
        thought["choices"][0]["delta"] = {"reasoning_content": "hmm"}
        for _ in range(8):
            exchange.write(event(thought))
            time.sleep(0.1)
        assert may_go_on.wait(20)
        exchange.write(event(chunk("a", finish="stop")) + DONE)
        exchange.end_stream()

    with model_at(respond, first_token_seconds=0.5, inter_token_seconds=20) as (model, _):
        stream = ask(model)
        seen = stream.progress
        deadline = time.monotonic() + 20
        while stream.progress < seen + 12:
            assert time.monotonic() < deadline
            assert stream.next_piece(0.05) == ""
        may_go_on.set()
        assert "".join(stream) == "a"


def test_silence_between_texts_ends_it_with_the_text_kept() -> None:
    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        exchange.write(event(chunk("Half ")))
        exchange.wait_until_client_leaves()

    error, text, server = failure(respond, inter_token_seconds=0.3, max_retries=2)
    assert (str(error), text, len(server.asked)) == ("The provider sent nothing for 0.3 s.", "Half ", 1)


def test_the_time_limit_of_the_answer_ends_it_with_what_there_is() -> None:
    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        exchange.write(event(chunk("Half ")))
        exchange.wait_until_client_leaves()

    with model_at(respond) as (model, server):
        stream = ask(model, time_limit=0.5)
        assert "".join(stream) == "Half "
        assert stream.finish_reason == "length"
        server.respond = silent
        with pytest.raises(ProviderError, match="no text in the time"):
            list(ask(model, time_limit=0.5))


def test_waiting_for_a_place_has_its_limit() -> None:
    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        exchange.write(event(chunk("I stay. ")))
        exchange.wait_until_client_leaves()

    with model_at(respond, concurrency=1, wait_seconds=0.5) as (model, server):
        first = ask(model)
        assert first.next_piece(20) == "I stay. "
        with pytest.raises(ProviderError, match="All places of the provider are taken") as failed:
            list(ask(model))
        assert failed.value.retryable
        assert first.finish_reason is None
        assert len(server.asked) == 1


def test_an_answer_that_breaks_off_is_never_taken_for_a_whole_one() -> None:
    for respond in (streaming(chunk("Half "), done=False), streaming(chunk("Half "), DONE, done=False)):
        error, text, _ = failure(respond)
        assert (str(error), text) == ("The provider's answer broke off.", "Half ")


def test_a_missing_mark_of_the_end_is_forgiven_once_the_reason_was_told() -> None:
    def hanging(exchange: Exchange) -> None:
        exchange.open_stream()
        exchange.write(event(chunk("All.", finish="stop")) + event(usage(3, 1)))
        exchange.wait_until_client_leaves()

    with model_at(streaming(chunk("All.", finish="stop"), done=False)) as (model, server):
        assert "".join(ask(model)) == "All."
        server.respond = hanging
        stream = ask(model)
        assert "".join(stream) == "All."
        assert stream.usage.prompt_tokens == 3


@pytest.mark.parametrize("content_type", ["text/html", "application/json", "text/plain"])
def test_what_is_no_event_stream_is_not_read_as_one(content_type: str) -> None:
    error, _, _ = failure(answering(200, b"data: {}\n\n", headers={"content-type": content_type}))
    assert str(error) == "The provider did not send an event stream."


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {not json\n\n",
        b"data: \xff\xfe\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        event({**chunk("x"), "choices": 7}),
        event({**chunk("x"), "choices": [None]}),
        event({**chunk("x"), "choices": [{"delta": {"content": {"html": 1}}}]}),
        event({"error": {"message": f"{KEY} {SECRET_PROMPT}", "code": "x"}}),
    ],
)
def test_nonsense_in_the_stream_ends_it_with_the_text_kept(bad: bytes) -> None:
    _, text, _ = failure(streaming(chunk("Half "), bad, chunk("more", finish="stop")))
    assert text == "Half "


@pytest.mark.parametrize(
    "odd",
    [
        b": comment\n\n",
        b"\n\n\n",
        b"event: ping\ndata: {}\n\n",
        b'event: nobody-knows\ndata: {"type": "x", "choices": []}\n\n',
        b"data: [1, 2]\n\n",
        b"data: null\n\n",
        event({**chunk(), "choices": [{"index": 0, "delta": None, "finish_reason": None}]}),
        event({**usage(1, 1), "usage": {"prompt_tokens": -5, "completion_tokens": 10**12}}),
        event({**chunk(""), "model": ["\x1b[2J"], "id": 7, "created": "then"}),
    ],
)
def test_what_nobody_knows_between_the_events_is_passed_over(odd: bytes) -> None:
    with model_at(streaming(odd, chunk("a"), odd, chunk(finish="stop"), odd)) as (model, _):
        stream = ask(model)
        assert "".join(stream) == "a"
        assert 0 <= stream.usage.completion_tokens < 100


def test_markup_stays_text_and_controls_are_taken_out() -> None:
    words = ["<script>alert(1)</script>", "\x1b[2J\x00\x01fernet:x\x85", "a\ud800b", "tab\tline\n"]
    with model_at(hello(*words)) as (model, _):
        text = "".join(ask(model))
    assert text == "<script>alert(1)</script>[2Jfernet:xa?btab\tline\n"
    text.encode()


@pytest.mark.parametrize("border", [b"\n\n", b"\r\n\r\n"])
def test_events_may_be_cut_anywhere(border: bytes) -> None:
    whole = b"".join(
        part.replace(b"\n\n", border)
        for part in [event(chunk("Gr\u00fc\u00dfe ")), event(chunk("\U0001f642", finish="stop")), DONE]
    )

    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        for at in range(len(whole)):
            exchange.write(whole[at : at + 1])
        exchange.end_stream()

    with model_at(respond) as (model, _):
        assert "".join(ask(model)) == "Gr\u00fc\u00dfe \U0001f642"


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    sent = 0

    def respond(exchange: Exchange) -> None:
        nonlocal sent
        exchange.open_stream()
        exchange.write(event(chunk("Half ")) + b"data: ")
        while sent < 100_000_000:
            exchange.write(b"x" * 65_536)
            sent += 65_536

    error, text, _ = failure(respond)
    assert (str(error), text) == ("The provider sent more than an answer can be.", "Half ")
    assert sent < 20_000_000


def test_an_answer_without_end_is_cut_at_what_its_tokens_can_hold() -> None:
    left = threading.Event()

    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        try:
            while True:
                exchange.write(event(chunk("blah " * 20)))
        finally:
            left.set()

    with model_at(respond) as (model, _):
        stream = ask(model, max_tokens=10)
        assert 100 < len("".join(stream)) <= 10 * 16 + 1_000
        assert stream.finish_reason == "length"
        assert left.wait(20)


def test_a_compressed_body_is_not_unpacked() -> None:
    error, _, _ = failure(answering(200, b"\x1f\x8b", headers={"content-encoding": "gzip"}))
    assert "compressed" in str(error)


def test_another_models_name_is_logged_once_and_clean() -> None:
    odd = {**chunk("a"), "model": "other\x1b[2J" + "x" * 500}
    with (
        model_at(streaming(odd, odd, chunk(finish="stop")), model="asked-model") as (model, _),
        structlog.testing.capture_logs() as logs,
    ):
        assert "".join(ask(model)) == "aa"
    (line,) = [
        entry for entry in logs if entry["event"] == "provider_model_differs" and entry["answered"].startswith("other")
    ]
    assert len(line["answered"]) <= 100
    assert "\x1b" not in line["answered"]


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
