"""Upstreams that are late: tries, pauses and time limits (fault cases F25 and F26)."""

import threading
import time

import pytest

from chatapp.inference.providers import ProviderError
from chatapp.inference.tests.fake_provider import (
    DONE,
    Exchange,
    ask,
    chunk,
    event,
    hello,
)
from chatapp.inference.tests.provider_trouble import answering, failure, in_turn, model_at, silent


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
