"""Several endpoints, and what all workers know of them together."""

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chatapp.inference.providers import ProviderError, breaker, shared
from chatapp.inference.providers.breaker import Breaker
from chatapp.inference.providers.rates import Rates
from chatapp.inference.providers.remote import RemoteModel
from chatapp.inference.tests.fake_provider import Exchange, FakeProvider, ask, hello, provider, remote, settle


@pytest.fixture
def servers() -> Iterator[list[FakeProvider]]:
    with ExitStack() as stack:
        yield [stack.enter_context(provider(hello("a"))) for _ in range(3)]


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Redis(port=9, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(shared, "redis_client", lambda: gone)
    monkeypatch.setattr(shared.SharedScript, "_rests_until", 0.0)


def answer(model: RemoteModel) -> str:
    text = "".join(ask(model))
    settle(model)
    return text


def refuse(exchange: Exchange) -> None:
    exchange.send(503 if exchange.asked.method == "POST" else 500)


def test_answers_go_to_the_endpoint_that_has_the_fewest(servers: list[FakeProvider]) -> None:
    may_go_on = threading.Event()

    def respond(exchange: Exchange) -> None:
        assert may_go_on.wait(20)
        hello("a")(exchange)

    for server in servers:
        server.respond = respond
    model = remote(*(server.url for server in servers))
    streams = []
    for count in range(1, 7):
        streams.append(ask(model))
        while sum(len(server.asked) for server in servers) < count:
            time.sleep(0.005)
    may_go_on.set()
    assert ["".join(stream) for stream in streams] == ["a"] * 6
    assert [len(server.asked) for server in servers] == [2, 2, 2]
    model.close()


def test_a_failed_endpoint_is_left_for_another_and_asked_last_from_then_on(servers: list[FakeProvider]) -> None:
    servers[0].respond = refuse
    model = remote(*(server.url for server in servers[:2]))
    assert [answer(model) for _ in range(10)] == ["a"] * 10
    assert len(servers[0].asked) <= 1
    model.close()


def test_an_endpoint_that_nobody_is_at_does_not_fail_an_answer(servers: list[FakeProvider]) -> None:
    model = remote("http://127.0.0.1:9", servers[0].url, max_retries=1)
    assert [answer(model) for _ in range(5)] == ["a"] * 5
    model.close()


def test_an_endpoint_that_asked_for_a_pause_is_not_asked(servers: list[FakeProvider]) -> None:
    servers[0].respond = lambda exchange: exchange.send(429, b"", **{"retry-after": "60"})
    model = remote(servers[0].url, max_retries=0)
    with pytest.raises(ProviderError, match="answered 429"):
        answer(model)
    settle(model)
    with pytest.raises(ProviderError, match="asked for a pause") as failed:
        answer(model)
    assert failed.value.retry_after
    assert failed.value.retry_after > 30
    assert len(servers[0].asked) == 1
    model.close()


def test_probes_find_what_is_down_and_what_is_up_again(servers: list[FakeProvider]) -> None:
    down = threading.Event()
    down.set()

    def respond(exchange: Exchange) -> None:
        if exchange.asked.method == "GET":
            exchange.send(503 if down.is_set() else 200, b"loading")
        else:
            hello("a")(exchange)

    servers[0].respond = respond
    servers[1].respond = lambda exchange: exchange.send(200) if exchange.asked.method == "GET" else hello("a")(exchange)
    model = remote(servers[0].url + "/v1", servers[1].url + "/v1", preset="llama_server", probe_seconds=1)
    first = model._pool._upstreams[0]
    wait_for(first.is_suspect)
    assert not model._pool._upstreams[1].is_suspect()
    assert {asked.path for asked in servers[0].asked} == {"/health"}
    assert [answer(model) for _ in range(4)] == ["a"] * 4
    assert all(asked.method == "GET" for asked in servers[0].asked)
    down.clear()
    wait_for(lambda: not first.is_suspect())
    model.close()


def test_e12_a_probe_that_never_ends_is_left(servers: list[FakeProvider], monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeout of the client starts anew with each byte; the other endpoints' probes and the worker's end wait."""
    monkeypatch.setattr("chatapp.inference.providers.pool._PROBE_SECONDS", 0.3)
    over = threading.Event()

    def dribble(exchange: Exchange) -> None:
        exchange.open_stream("text/plain")
        with contextlib.suppress(OSError):
            while not over.wait(0.05):
                exchange.write(b" ")

    servers[0].respond = dribble
    model = remote(servers[0].url + "/v1", servers[1].url + "/v1", preset="llama_server", probe_seconds=1)
    wait_for(lambda: bool(servers[1].asked))
    started = time.monotonic()
    model.close()
    over.set()
    assert time.monotonic() - started < 5


def test_a_circuit_opens_by_share_lets_one_try_through_and_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "OPEN_SECONDS", 0.2)
    circuit, endpoint = Breaker(), str(uuid4())
    for ok in [True] * 6 + [False] * 5:
        circuit.record(endpoint, ok=ok)
    assert circuit.allows(endpoint)  # five of eleven
    circuit.record(endpoint, ok=False)
    assert not circuit.allows(endpoint)
    time.sleep(0.25)
    with ThreadPoolExecutor(8) as threads:
        allowed = list(threads.map(lambda _: Breaker().allows(endpoint), range(8)))
    assert sum(allowed) == 1
    circuit.record(endpoint, ok=False)
    assert not circuit.allows(endpoint)
    time.sleep(0.25)
    assert circuit.allows(endpoint)
    circuit.record(endpoint, ok=True)
    assert all(circuit.allows(endpoint) for _ in range(3))


def test_failures_are_forgotten_with_their_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "WINDOW_SECONDS", 0.2)
    circuit, endpoint = Breaker(), str(uuid4())
    for _ in range(4):
        circuit.record(endpoint, ok=False)
    time.sleep(0.5)
    circuit.record(endpoint, ok=False)
    assert circuit.allows(endpoint)


def test_an_open_circuit_spares_the_endpoint_and_a_worker_elsewhere_knows(servers: list[FakeProvider]) -> None:
    servers[0].respond = refuse
    model = remote(servers[0].url, max_retries=0)
    for _ in range(breaker.MIN_FAILURES):
        with pytest.raises(ProviderError, match="answered 503"):
            answer(model)
        settle(model)
    with pytest.raises(ProviderError, match="failed too often") as failed:
        answer(model)
    assert failed.value.retryable
    assert len(servers[0].asked) == breaker.MIN_FAILURES
    assert not Breaker().allows(model._pool._upstreams[0].id)
    model.close()


def test_refusals_for_good_do_not_open_the_circuit(servers: list[FakeProvider]) -> None:
    servers[0].respond = lambda exchange: exchange.send(400)
    model = remote(servers[0].url)
    for _ in range(2 * breaker.MIN_FAILURES):
        with pytest.raises(ProviderError, match="answered 400"):
            answer(model)
        settle(model)
    model.close()


def test_without_redis_all_is_tried_and_the_log_says_so(servers: list[FakeProvider], no_redis: None) -> None:
    model = remote(servers[0].url, requests_per_minute=1)
    with structlog.testing.capture_logs() as logs:
        assert [answer(model) for _ in range(3)] == ["a"] * 3
    assert [entry["event"] for entry in logs].count("provider_state_unavailable") == 1
    model.close()


def rates(**limits: Any) -> Rates:
    return Rates(str(uuid4()), **limits)


def test_the_rate_is_one_for_all_workers(servers: list[FakeProvider]) -> None:
    shared_by_all = {"requests_per_minute": 600}
    name = str(uuid4())
    models = [remote(servers[0].url) for _ in range(2)]
    for model in models:
        model._rates = Rates(name, **shared_by_all)
    started = time.monotonic()
    streams = [ask(model) for _ in range(40) for model in models]
    assert ["".join(stream) for stream in streams] == ["a"] * 80
    # A tenth of the limit at once, the other twenty at ten a second.
    assert time.monotonic() - started >= 1.9
    for model in models:
        model.close()


def test_a_rate_that_is_used_up_beyond_the_wait_is_told_with_the_time(servers: list[FakeProvider]) -> None:
    model = remote(servers[0].url, wait_seconds=0.5, max_retries=0)
    model._rates = rates(requests_per_minute=1)
    assert answer(model) == "a"
    with pytest.raises(ProviderError, match="rate limit is used up") as failed:
        answer(model)
    assert failed.value.retry_after
    assert 50 < failed.value.retry_after <= 60
    assert len(servers[0].asked) == 1
    model.close()


def test_tokens_are_counted_with_the_answers_and_a_big_request_is_not_shut_out(servers: list[FakeProvider]) -> None:
    model = remote(servers[0].url, wait_seconds=0.5, max_retries=0)
    model._rates = rates(tokens_per_minute=600)
    assert "".join(ask(model, max_tokens=500)) == "a"
    with pytest.raises(ProviderError, match="rate limit is used up"):
        answer(model)
    model.close()


def test_who_waits_for_the_rate_can_be_cancelled(servers: list[FakeProvider]) -> None:
    model = remote(servers[0].url)
    model._rates = rates(requests_per_minute=2)
    assert answer(model) == "a"
    stream = ask(model)
    progress = stream.progress
    wait_for(lambda: stream.progress > progress)
    stream.cancel()
    assert list(stream) == []
    settle(model)
    assert len(servers[0].asked) == 1
    model.close()


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
