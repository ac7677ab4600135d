"""Each preset against a server that insists on that server's ways, and has its peculiarities."""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chatapp.inference.engine import SamplingError
from chatapp.inference.providers import ProviderError
from chatapp.inference.providers.presets import PRESETS
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
    streaming,
    usage,
)

BASE = {"messages", "stream"}
OPENAI = {
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "logit_bias",
    "response_format",
    "stop",
    "stream_options",
}
LOCAL = OPENAI | {"top_k", "min_p", "ignore_eos", "model", "max_tokens"}
BEARER = {"authorization": f"Bearer {KEY}"}


@dataclass(frozen=True)
class Server:
    """What a server takes, and how it begins and ends its streams. `body`: what must be in the request."""

    base: str
    path: str
    fields: set[str]
    body: dict[str, Any]
    query: dict[str, str] = field(default_factory=dict)
    auth: dict[str, str] = field(default_factory=lambda: BEARER)
    before: tuple[bytes | dict[str, Any], ...] = ()
    after: tuple[bytes | dict[str, Any], ...] = (usage(11, 2), DONE)
    probe: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


AZURE_FIRST = {
    "id": "",
    "object": "",
    "created": 0,
    "model": "",
    "choices": [],
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}],
}
SERVERS = {
    "openai": Server(
        base="/v1",
        path="/v1/chat/completions",
        fields=OPENAI | {"model", "max_completion_tokens", "store", "safety_identifier"},
        body={"model": "m", "max_completion_tokens": 50, "store": False, "stream_options": {"include_usage": True}},
        probe="/v1/models",
    ),
    "azure": Server(
        base="",
        path="/openai/deployments/m/chat/completions",
        query={"api-version": "2024-10-21"},
        auth={"api-key": KEY},
        fields=OPENAI | {"model", "max_tokens", "user"},
        body={"max_tokens": 50},
        before=(AZURE_FIRST, chunk("")),
        probe="/openai/models",
        options={"api_version": "2024-10-21"},
    ),
    "vertex": Server(
        base="/v1/projects/p/locations/l/endpoints/openapi",
        path="/v1/projects/p/locations/l/endpoints/openapi/chat/completions",
        fields=OPENAI - {"logit_bias"} | {"model", "max_tokens"},
        body={"model": "m", "max_tokens": 50},
        # Counts come with the last piece of text, and there is no mark of the end.
        after=({**chunk(""), "usage": usage(11, 2)["usage"]},),
    ),
    "bedrock": Server(
        base="/openai/v1",
        path="/openai/v1/chat/completions",
        fields={"model", "max_completion_tokens", "temperature", "top_p", "stop", "stream_options"},
        body={"model": "m", "max_completion_tokens": 50},
    ),
    "vllm": Server(
        base="/v1",
        path="/v1/chat/completions",
        fields=LOCAL,
        body={"model": "m", "max_tokens": 50},
        before=(chunk(""),),
        probe="/health",
    ),
    "llama_server": Server(
        base="/v1",
        path="/v1/chat/completions",
        fields=LOCAL,
        body={"model": "m", "max_tokens": 50},
        before=(b": ping\n\n", chunk()),
        after=({**usage(11, 2), "timings": {"prompt_n": 11}}, DONE),
        probe="/health",
    ),
    "triton": Server(
        base="/v1",
        path="/v1/chat/completions",
        fields=OPENAI - {"logit_bias", "response_format"} | {"model", "max_tokens"},
        body={"model": "m", "max_tokens": 50},
        # TensorRT-LLM's backend counts nothing.
        after=({**usage(0, 0), "usage": None}, DONE),
        probe="/health/ready",
    ),
    "sagemaker": Server(
        base="/endpoints/e/openai/v1",
        path="/endpoints/e/openai/v1/chat/completions",
        fields=LOCAL,
        body={"model": "", "max_tokens": 50},
    ),
}
VALUES: dict[str, Any] = {
    "temperature": 0.0,
    "top_p": 0.5,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.1,
    "seed": 7,
    "logit_bias": {5: 1.0},
    "top_k": 20,
    "min_p": 0.1,
    "ignore_eos": True,
    "json_schema": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    "grammar": 'root ::= "yes" | "no"',
}
SENT: dict[str, tuple[str, Any]] = {
    "logit_bias": ("logit_bias", {"5": 1.0}),
    "json_schema": (
        "response_format",
        {"type": "json_schema", "json_schema": {"name": "answer", "schema": VALUES["json_schema"], "strict": True}},
    ),
}


@pytest.fixture(params=sorted(SERVERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def upstream(name: str) -> Iterator[FakeProvider]:
    server = SERVERS[name]

    def respond(exchange: Exchange) -> None:
        asked = exchange.asked
        if any(asked.headers.get(header) != value for header, value in server.auth.items()):
            exchange.send(401, {"error": {"message": "no", "code": "unauthorized"}})
        elif asked.path != server.path or asked.query != server.query:
            exchange.send(404, {"error": {"message": "no", "code": "not_found"}})
        elif unknown := sorted(set(asked.body) - server.fields - BASE):
            exchange.send(400, {"error": {"message": unknown[0], "code": f"unknown_{unknown[0]}"}})
        else:
            streaming(*server.before, chunk("Good "), chunk("day."), chunk(finish="stop"), *server.after, done=False)(
                exchange
            )

    with provider(respond) as fake:
        yield fake


def test_every_preset_has_its_strict_server() -> None:
    assert set(SERVERS) == set(PRESETS)
    assert all(preset.name == name and preset.sampling for name, preset in PRESETS.items())


def test_a_preset_is_understood_by_its_server(name: str, upstream: FakeProvider) -> None:
    server = SERVERS[name]
    # An answer that must follow something ends with it, and follows one thing only.
    sampling = {name: VALUES[name] for name in PRESETS[name].sampling if name not in {"ignore_eos", "grammar"}}
    model = remote(upstream.url + server.base, preset=name, max_retries=0, **server.options)
    stream = ask(model, sampling=sampling, stop=[str(n) for n in range(8)])
    assert "".join(stream) == "Good day."
    assert stream.finish_reason == "stop"
    assert (stream.usage.prompt_tokens, stream.usage.completion_tokens) == ((11, 2) if name != "triton" else (13, 3))
    model.close()
    (asked,) = upstream.asked
    assert asked.body["messages"] == HELLO
    assert server.body.items() <= asked.body.items()
    for field_name, value in (SENT.get(name, (name, value)) for name, value in sampling.items()):
        assert asked.body[field_name] == value
    assert asked.body["stop"] == [str(n) for n in range(8)][: PRESETS[name].max_stops]
    assert "user" not in asked.body
    assert "safety_identifier" not in asked.body


def test_what_a_preset_does_not_take_is_refused(name: str, upstream: FakeProvider) -> None:
    model = remote(upstream.url, preset=name, **SERVERS[name].options)
    for other in set(VALUES) - set(PRESETS[name].sampling):
        with pytest.raises(SamplingError, match=other):
            ask(model, sampling={other: VALUES[other]})
    model.close()
    assert upstream.asked == []


def test_a_preset_knows_where_to_ask_whether_it_is_up(name: str) -> None:
    server = SERVERS[name]
    model = remote("http://10.0.0.1:80" + server.base, preset=name, **server.options)
    expected = server.probe and "http://10.0.0.1:80" + server.probe
    query = "?api-version=2024-10-21" if name == "azure" else ""
    assert model._pool._upstreams[0].probe_url == (expected and expected + query)
    model.close()


@pytest.mark.parametrize("name,value", [("ignore_eos", True), ("grammar", VALUES["grammar"]), ("top_k", 0)])
def test_what_only_llama_server_and_its_like_take(name: str, value: object) -> None:
    with provider(hello("a")) as server:
        model = remote(server.url, preset="llama_server")
        assert "".join(ask(model, sampling={name: value})) == "a"
        model.close()
        assert server.asked[0].body[name] == (-1 if name == "top_k" else value)


def test_options_change_what_a_dialect_says() -> None:
    with provider(hello("a")) as server:
        model = remote(
            server.url,
            preset="azure",
            api_version="2025-01-01-preview",
            max_tokens_field="max_completion_tokens",
            system_role="developer",
            sends_user_hash=True,
        )
        list(ask(model, cache_scope="5b2e-alice"))
        list(ask(model, cache_scope="5b2e-alice"))
        list(ask(model, cache_scope="bob"))
        list(ask(model))
        model.close()
        bodies = [asked.body for asked in server.asked]
    assert [message["role"] for message in bodies[0]["messages"]] == ["developer", "user"]
    assert (bodies[0]["max_completion_tokens"], "max_tokens" in bodies[0]) == (50, False)
    assert bodies[0]["user"] == bodies[1]["user"] != bodies[2]["user"]
    assert "alice" not in json.dumps(bodies)
    assert "user" not in bodies[3]


@pytest.mark.parametrize(
    "messages,sent",
    [
        (HELLO, [{"role": "user", "content": "Be brief.\n\nHello?"}]),
        ([HELLO[1]], [HELLO[1]]),
        ([HELLO[0]], [{"role": "user", "content": "Be brief."}]),
        (
            [HELLO[0], {"role": "assistant", "content": "Hi."}],
            [{"role": "user", "content": "Be brief."}, {"role": "assistant", "content": "Hi."}],
        ),
    ],
)
def test_a_template_without_system_messages_gets_it_with_the_question(messages: Any, sent: Any) -> None:
    with provider(hello("a")) as server:
        model = remote(server.url, system_role="user")
        list(ask(model, messages))
        model.close()
        assert server.asked[0].body["messages"] == sent


def test_a_server_without_a_key_gets_none() -> None:
    with provider(hello("a")) as server:
        model = remote(server.url, key="")
        list(ask(model))
        model.close()
        assert "authorization" not in server.asked[0].headers


def test_a_token_file_is_read_anew_for_each_request(tmp_path: Path, settings: Any) -> None:
    settings.PROVIDER_TOKENS_DIR = tmp_path
    with provider(hello("a")) as server:
        model = remote(server.url, preset="vertex", key="", credential="token_file", token_file="vertex", max_retries=0)
        for token in ("first", "second"):
            (tmp_path / "vertex").write_text(f"{token}\n")
            assert "".join(ask(model)) == "a"
        (tmp_path / "vertex").write_text("two words")
        with pytest.raises(ProviderError, match="characters that no header may hold") as refused:
            list(ask(model))
        assert "two words" not in str(refused.value)
        (tmp_path / "vertex").unlink()
        with pytest.raises(ProviderError, match="token file vertex cannot be read") as missing:
            list(ask(model))
        assert missing.value.retryable
        model.close()
        assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer first", "Bearer second"]


ENTRA: dict[str, Any] = {
    "preset": "azure",
    "api_version": "2024-10-21",
    "credential": "client_credentials",
    "client_id": "app",
    "max_retries": 0,
}


def test_entra_tokens_are_fetched_once_with_the_secret_and_kept() -> None:
    def sign_in(exchange: Exchange) -> None:
        exchange.send(200, {"token_type": "Bearer", "access_token": "granted", "expires_in": 3599})

    with provider(sign_in) as entra, provider(hello("a")) as server:
        model = remote(server.url, key="s3cret", token_url=entra.url + "/t/oauth2/v2.0/token", **ENTRA)
        for _ in range(3):
            assert "".join(ask(model)) == "a"
        model.close()
        (asked,) = entra.asked
        assert asked.body == (
            "grant_type=client_credentials&client_id=app&client_secret=s3cret"
            "&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"
        )
        for seen in server.asked:
            assert (seen.headers["authorization"], seen.headers.get("api-key")) == ("Bearer granted", None)
            assert "s3cret" not in json.dumps([seen.headers, seen.body])


def test_e12_a_sign_in_service_that_never_ends_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte would start a timeout of the client anew, and all answers of the version wait for the token."""
    monkeypatch.setattr("chatapp.inference.providers.credentials._TOKEN_SECONDS", 0.4)

    def sign_in(exchange: Exchange) -> None:
        exchange.open_stream("application/json")
        with contextlib.suppress(OSError):
            for _ in range(100):
                exchange.write(b" ")
                time.sleep(0.1)

    with provider(sign_in) as entra, provider(hello("a")) as server:
        model = remote(server.url, key="s3cret", token_url=entra.url, **ENTRA)
        started = time.monotonic()
        with pytest.raises(ProviderError, match="No token could be fetched"):
            list(ask(model))
        assert time.monotonic() - started < 5
        model.close()


def test_a_token_that_ran_out_is_fetched_anew() -> None:
    count = 0

    def sign_in(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        exchange.send(200, {"access_token": f"granted-{count}", "expires_in": 0})

    with provider(sign_in) as entra, provider(hello("a")) as server:
        model = remote(server.url, key="s3cret", token_url=entra.url, **ENTRA)
        credential = model._pool._upstreams[0].credential
        list(ask(model))
        credential._renew_at = 0.0  # type: ignore[attr-defined]  # a second is as long as it lives at least
        list(ask(model))
        model.close()
        assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer granted-1", "Bearer granted-2"]


@pytest.mark.parametrize(
    "status,body,words,retryable",
    [
        (401, {"error": "invalid_client", "error_description": "s3cret is wrong"}, "answered 401", False),
        (503, b"later", "answered 503", True),
        (302, b"", "answered 302", False),
        (200, b"<html>", "sent no token", False),
        (200, {"access_token": 7, "expires_in": "soon"}, "sent no token", False),
        (200, [1], "sent no token", False),
        (200, b"x" * 10**6, "more than an answer can be", False),
        (200, {"access_token": "a\r\nX-Evil: 1", "expires_in": 60}, "no header may hold", False),
    ],
)
def test_a_sign_in_service_may_answer_anything(status: int, body: Any, words: str, *, retryable: bool) -> None:
    with provider(hello("stolen")) as other, provider(hello("a")) as server:

        def sign_in(exchange: Exchange) -> None:
            exchange.send(status, body, **({"location": other.url} if status == 302 else {}))

        with provider(sign_in) as entra:
            model = remote(server.url, key="s3cret", token_url=entra.url, **ENTRA)
            with pytest.raises(ProviderError, match=words) as failed:
                list(ask(model))
            model.close()
        assert failed.value.retryable == retryable
        assert "s3cret" not in str(failed.value)
        assert (server.asked, other.asked) == ([], [])


def test_a_mark_of_the_end_cut_in_two_is_one() -> None:
    with provider(streaming(event(chunk("a", finish="stop")), DONE[:9], DONE[9:], done=False)) as server:
        model = remote(server.url)
        assert "".join(ask(model)) == "a"
        model.close()
