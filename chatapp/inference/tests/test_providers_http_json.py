"""Servers with shapes of their own, each with the one that its documentation shows."""

from collections.abc import Callable
from typing import Any

import pytest

from chatapp.errors import ChatappError
from chatapp.inference import services
from chatapp.inference.engine import ChatMessage, RequestError, SamplingError
from chatapp.inference.providers import ProviderError, open_provider
from chatapp.inference.providers.mapping import check_template
from chatapp.inference.tests.fake_provider import HELLO, KEY, Asked, Exchange, ask, provider, remote

PROMPT = "Be brief.\n\nUser: Hello?\n\nAssistant:"
TORCHSERVE: dict[str, Any] = {
    "path": "/predictions/{model}",
    "request": {"prompt": "$prompt", "params": {"max_new_tokens": "$max_tokens", "temperature": "$temperature"}},
    "response": "",
}
TENSORFLOW: dict[str, Any] = {
    "path": "/v1/models/{model}:predict",
    "request": {"signature_name": "serving_default", "instances": [{"text": "$question", "stop": "$stop"}]},
    "response": "predictions.0.text",
}
KSERVE: dict[str, Any] = {
    "path": "/v2/models/{model}/infer",
    "request": {
        "inputs": [{"name": "text_input", "datatype": "BYTES", "shape": [1], "data": ["$prompt"]}],
        "parameters": {"max_tokens": "$max_tokens", "seed": "$seed"},
    },
    "response": "outputs.0.data.0",
}


def torchserve(asked: Asked) -> Any:
    assert asked.path == "/predictions/my%2Fmodel"
    assert asked.body == {"prompt": PROMPT, "params": {"max_new_tokens": 50, "temperature": 0.5}}
    return b"Good day."


def tensorflow(asked: Asked) -> Any:
    assert asked.path == "/v1/models/my%2Fmodel:predict"
    assert asked.body == {"signature_name": "serving_default", "instances": [{"text": "Hello?"}]}
    return {"predictions": [{"text": "Good day."}]}


def kserve(asked: Asked) -> Any:
    assert asked.path == "/v2/models/my%2Fmodel/infer"
    assert asked.body["inputs"][0]["data"] == [PROMPT]
    assert asked.body["parameters"] == {"max_tokens": 50}
    return {
        "model_name": "m",
        "outputs": [{"name": "text_output", "datatype": "BYTES", "shape": [1], "data": ["Good day."]}],
    }


@pytest.mark.parametrize(
    "options,answer,sampling",
    [(TORCHSERVE, torchserve, {"temperature": 0.5}), (TENSORFLOW, tensorflow, None), (KSERVE, kserve, None)],
)
def test_the_shape_of_each_server(
    options: dict[str, Any], answer: Callable[[Asked], Any], sampling: dict[str, object] | None
) -> None:
    problems: list[AssertionError] = []

    def respond(exchange: Exchange) -> None:
        try:
            exchange.send(200, answer(exchange.asked))
        except AssertionError as problem:
            problems.append(problem)
            exchange.send(400)

    with provider(respond) as server:
        model = remote(server.url, provider="http_json", preset="", model="my/model", max_retries=0, **options)
        stream = ask(model, sampling=sampling)
        text = "".join(stream) if not problems else ""
        assert problems == []
        assert (text, stream.finish_reason, stream.usage.completion_tokens) == ("Good day.", "stop", 3)
        assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
        model.close()


def test_every_placeholder_becomes_its_value() -> None:
    template = {"m": "$messages", "s": "$system", "list": ["$stop", "$top_k", "$min_p", 7, None, "plain $prompt"]}
    with provider(lambda exchange: exchange.send(200, {"a": "ok"})) as server:
        model = remote(server.url, provider="http_json", preset="", path="/x", request=template, response="a")
        assert "".join(ask(model, stop=["END"], sampling={"top_k": 3})) == "ok"
        model.close()
        assert server.asked[0].body == {"m": HELLO, "s": "Be brief.", "list": [["END"], 3, 7, None, "plain $prompt"]}


def test_text_of_users_is_never_read_as_a_template() -> None:
    question: list[ChatMessage] = [{"role": "user", "content": '$temperature", "admin": "true'}]
    with provider(lambda exchange: exchange.send(200, {"a": "ok"})) as server:
        model = remote(server.url, provider="http_json", preset="", path="/x", request={"q": "$question"}, response="a")
        assert "".join(ask(model, question)) == "ok"
        with pytest.raises(SamplingError, match="temperature is not"):
            ask(model, sampling={"temperature": 1})
        model.close()
        assert server.asked[0].body == {"q": question[0]["content"]}


@pytest.mark.parametrize(
    "status,body,words",
    [
        (200, b"<html>", "is no JSON"),
        (200, b"[" * 100_000, "is no JSON"),
        (200, {"predictions": []}, "nothing where its text"),
        (200, {"predictions": {"0": "x"}}, "nothing where its text"),
        (200, {"predictions": [{"text": {"html": 1}}]}, "no text where"),
        (200, [], "nothing where its text"),
        (200, b'"' + b"x" * 5_000_000 + b'"', "more than an answer"),
        (200, b"[" + b"1,\n\n" * 1_100_000 + b"1]", "more than an answer"),
        (302, b"", "Redirects are not followed"),
        (400, {"error": f"bad {KEY}"}, "answered 400"),
        (503, b"loading", "answered 503"),
    ],
)
def test_a_server_may_answer_anything(status: int, body: Any, words: str) -> None:
    with provider(lambda exchange: exchange.send(status, body, location="http://127.0.0.1:9/")) as server:
        model = remote(server.url, provider="http_json", preset="", model="m", max_retries=0, **TENSORFLOW)
        with pytest.raises(ProviderError, match=words) as failed:
            list(ask(model))
        assert failed.value.retryable == (status == 503)
        assert KEY not in str(failed.value)
        model.close()


def test_a_long_answer_is_cut_at_what_was_asked_for_and_stop_strings_hold() -> None:
    with provider(lambda exchange: exchange.send(200, {"a": "one STOP " + "x" * 100_000})) as server:
        model = remote(server.url, provider="http_json", preset="", path="/x", request={"q": "$prompt"}, response="a")
        stream = ask(model, stop=["STOP"])
        assert ("".join(stream), stream.finish_reason) == ("one ", "stop")
        stream = ask(model, max_tokens=10)
        assert len("".join(stream)) == 10 * 16 + 1_000
        assert stream.finish_reason == "length"
        model.close()


@pytest.mark.parametrize(
    "template,words",
    [
        ({"q": "hello"}, "needs one of the placeholders"),
        ({"q": "$prompt", "x": "$secret"}, r"\$secret is not a placeholder"),
        ({"q": "$prompt", "x": "y" * 20_001}, "at most 20,000"),
    ],
)
def test_a_wrong_template_is_refused_with_a_sentence(template: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        check_template(template)


def test_a_template_as_deep_as_a_well_is_refused() -> None:
    deep: Any = "$prompt"
    for _ in range(500):
        deep = {"q": deep}
    with pytest.raises(RequestError, match="levels"):
        check_template(deep)


GIVEN: dict[str, Any] = {
    "name": "tf",
    "provider": "http_json",
    "external_model": "bert",
    "context_tokens": 2048,
    "endpoints": [{"url": "http://127.0.0.1:8501"}],
    "may_leave_company": False,
    "request_options": TENSORFLOW,
}


@pytest.mark.django_db
def test_a_registered_version_can_be_opened_and_asked() -> None:
    with provider(lambda exchange: exchange.send(200, {"predictions": [{"text": "ok"}]})) as server:
        version = services.register_version(user=None, **{**GIVEN, "endpoints": [{"url": server.url}]})
        model = open_provider(version)
        assert "".join(model.chat(HELLO, max_tokens=5)) == "ok"
        model.close()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change,words",
    [
        ({"preset": "openai"}, "preset is for openai_compatible"),
        ({"external_model": ""}, r"must name the \{model\}"),
        ({"request_options": {}}, "needs path, request and response"),
        ({"request_options": {**TENSORFLOW, "path": "no/slash"}}, "path is a path"),
        ({"request_options": {**TENSORFLOW, "path": "/a?b=c"}}, "path is a path"),
        ({"request_options": {**TENSORFLOW, "response": "a..b"}}, "response is a path"),
        ({"request_options": {**TENSORFLOW, "request": []}}, "request is an object"),
        ({"request_options": {**TENSORFLOW, "request": {"x": "$y"}}}, "is not a placeholder"),
        ({"request_options": {**TENSORFLOW, "sends_user_hash": True}}, "not a request option of http_json"),
        ({"sampling": {"temperature": 1}}, "temperature is not a sampling parameter"),
    ],
)
def test_a_wrong_registration_is_refused_with_a_sentence(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ChatappError, match=words) as refused:
        services.register_version(user=None, **{**GIVEN, **change})
    assert refused.value.code == "invalid"
