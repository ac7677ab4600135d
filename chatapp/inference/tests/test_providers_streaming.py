import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chatapp.inference.engine import EngineError, SamplingError
from chatapp.inference.providers import ProviderError
from chatapp.inference.providers.remote import RemoteModel
from chatapp.inference.tests.fake_provider import (
    DONE,
    HELLO,
    KEY,
    Exchange,
    FakeProvider,
    ask,
    chunk,
    event,
    hello,
    provider,
    remote,
    settle,
    streaming,
    usage,
)

Open = Callable[..., RemoteModel]


@pytest.fixture
def upstream() -> Iterator[FakeProvider]:
    with provider(hello("Good ", "day.")) as server:
        yield server


@pytest.fixture
def open_at() -> Iterator[Open]:
    models: list[RemoteModel] = []

    def make(*urls: str, **options: Any) -> RemoteModel:
        models.append(remote(*urls, **options))
        return models[-1]

    yield make
    for model in models:
        model.close()


def test_text_arrives_piece_by_piece_with_what_the_upstream_counted(upstream: FakeProvider, open_at: Open) -> None:
    may_go_on = threading.Event()

    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        exchange.write(event(chunk("Good ")))
        assert may_go_on.wait(20)
        exchange.write(event(chunk("day.")) + event(chunk(finish="stop")) + event(usage(11, 2, cached=8)) + DONE)
        exchange.end_stream()

    upstream.respond = respond
    model = open_at(upstream.url + "/v1", model="qwen")
    stream = ask(model)
    assert stream.next_piece(20) == "Good "
    assert stream.progress > 11
    may_go_on.set()
    assert list(stream) == ["day."]
    assert stream.finish_reason == "stop"
    assert (stream.usage.prompt_tokens, stream.usage.completion_tokens, stream.usage.reused_tokens) == (11, 2, 8)
    (asked,) = upstream.asked
    assert (asked.method, asked.path, asked.headers["authorization"]) == (
        "POST",
        "/v1/chat/completions",
        f"Bearer {KEY}",
    )
    assert asked.body == {
        "model": "qwen",
        "messages": HELLO,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 50,
    }


def test_a_connection_serves_one_answer_after_the_other(upstream: FakeProvider, open_at: Open) -> None:
    ports = []

    def respond(exchange: Exchange) -> None:
        ports.append(exchange._handler.client_address[1])
        hello("a")(exchange)

    upstream.respond = respond
    model = open_at(upstream.url)
    for _ in range(3):
        assert "".join(ask(model)) == "a"
        settle(model)
    assert len(set(ports)) == 1


def test_many_answers_at_once_up_to_the_concurrency(upstream: FakeProvider, open_at: Open) -> None:
    at_work, most, lock = 0, 0, threading.Lock()

    def respond(exchange: Exchange) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.05)
        with lock:
            at_work -= 1
        hello("a", "b")(exchange)

    upstream.respond = respond
    model = open_at(upstream.url, concurrency=3)
    streams = [ask(model) for _ in range(9)]
    assert ["".join(stream) for stream in streams] == ["ab"] * 9
    assert most == 3
    settle(model)
    stats = model.stats()
    assert (stats.slots_total, stats.slots_busy, stats.waiting, stats.completion_tokens) == (3, 0, 0, 18)


@pytest.mark.parametrize("said,meant", [("stop", "stop"), ("length", "length"), ("eos", "stop")])
def test_the_reason_for_the_end_is_told(upstream: FakeProvider, open_at: Open, said: str, meant: str) -> None:
    upstream.respond = hello("a", finish=said)
    stream = ask(open_at(upstream.url))
    assert "".join(stream) == "a"
    assert stream.finish_reason == meant


def test_an_answer_that_the_providers_filter_cut_is_no_whole_one(upstream: FakeProvider, open_at: Open) -> None:
    upstream.respond = hello("Once ", finish="content_filter")
    stream = ask(open_at(upstream.url))
    assert stream.next_piece(20) == "Once "
    with pytest.raises(ProviderError, match="content filter") as failed:
        stream.next_piece(20)
    assert not failed.value.retryable


def test_without_a_count_the_tokens_are_estimated(upstream: FakeProvider, open_at: Open) -> None:
    upstream.respond = streaming(chunk("abcdef"), chunk("ghi", finish="stop"))
    stream = ask(open_at(upstream.url))
    assert "".join(stream) == "abcdefghi"
    assert stream.usage.completion_tokens == 3
    assert stream.usage.prompt_tokens >= 2


@pytest.mark.parametrize("phase", ["before the headers", "before the first text", "between texts"])
def test_cancel_closes_the_connection_at_once(upstream: FakeProvider, open_at: Open, phase: str) -> None:
    reached, left = threading.Event(), threading.Event()

    def respond(exchange: Exchange) -> None:
        if phase != "before the headers":
            exchange.open_stream()
        if phase == "between texts":
            exchange.write(event(chunk("Good ")))
        reached.set()
        if exchange.wait_until_client_leaves():
            left.set()

    upstream.respond = respond
    model = open_at(upstream.url)
    stream = ask(model)
    assert reached.wait(20)
    if phase == "between texts":
        assert stream.next_piece(20) == "Good "
    stream.cancel()
    assert stream.next_piece(20) is None
    assert stream.finish_reason == "cancelled"
    assert left.wait(20)
    upstream.respond = hello("next")
    assert "".join(ask(model)) == "next"


def test_cancel_while_it_waits_for_a_place_asks_nobody(upstream: FakeProvider, open_at: Open) -> None:
    may_go_on = threading.Event()

    def respond(exchange: Exchange) -> None:
        assert may_go_on.wait(20)
        hello("first")(exchange)

    upstream.respond = respond
    model = open_at(upstream.url, concurrency=1)
    first, second = ask(model), ask(model)
    second.cancel()
    assert list(second) == []
    may_go_on.set()
    assert "".join(first) == "first"
    model.close()
    assert len(upstream.asked) == 1


def test_stop_strings_beyond_those_that_the_upstream_takes_are_found_here(
    upstream: FakeProvider, open_at: Open
) -> None:
    left = threading.Event()

    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        for text in ("one S", "TO", "P two"):
            exchange.write(event(chunk(text)))
        if exchange.wait_until_client_leaves():
            left.set()

    upstream.respond = respond
    stream = ask(open_at(upstream.url, preset="openai"), stop=["1", "2", "3", "4", "STOP"])
    assert "".join(stream) == "one "
    assert stream.finish_reason == "stop"
    assert left.wait(20)
    assert upstream.asked[0].body["stop"] == ["1", "2", "3", "4"]


def test_text_held_back_for_a_stop_string_comes_at_the_end(upstream: FakeProvider, open_at: Open) -> None:
    upstream.respond = hello("a ST")
    assert "".join(ask(open_at(upstream.url), stop=["STOP"])) == "a ST"


def test_what_the_server_does_not_take_is_refused_and_not_dropped(upstream: FakeProvider, open_at: Open) -> None:
    model = open_at(upstream.url, preset="openai")
    with pytest.raises(SamplingError, match="top_k is not a sampling parameter"):
        ask(model, sampling={"top_k": 3})
    with pytest.raises(SamplingError, match="temperature is a number"):
        ask(model, sampling={"temperature": 9})
    narrow = open_at(upstream.url, preset="openai", sampling=["seed"])
    with pytest.raises(SamplingError, match="temperature is not"):
        ask(narrow, sampling={"temperature": 1})
    assert upstream.asked == []
    assert "".join(ask(narrow, sampling={"seed": 3, "temperature": None})) == "Good day."
    assert upstream.asked[0].body["seed"] == 3


def test_close_ends_what_runs_and_refuses_more(upstream: FakeProvider, open_at: Open) -> None:
    def respond(exchange: Exchange) -> None:
        exchange.open_stream()
        exchange.wait_until_client_leaves()

    upstream.respond = respond
    model = open_at(upstream.url)
    stream = ask(model)
    model.close()
    assert list(stream) == []
    assert stream.finish_reason == "cancelled"
    with pytest.raises(EngineError, match="closed"):
        ask(model)
