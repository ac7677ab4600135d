"""OpenAI's own client against the real application over HTTP, answered by a scripted model."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
from chatapp.api.tests.serving import inference_worker, web_server
from chatapp.conversations.models import Conversation, Generation, Status
from chatapp.inference.models import Provider
from chatapp.inference.services import register_version, set_serving_version
from chatapp.moderation.models import PolicyState, PolicyVersion
from chatapp.moderation.services import create_policy_version
from tests.people import make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scripted(transactional_db: None, settings: Any) -> str:
    settings.SCRIPTED_MODEL = True
    version = register_version(user=None, name="scripted", provider=Provider.SCRIPTED, context_tokens=4096)
    set_serving_version(user=None, version=version)
    return version.name


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[str]:
    with web_server() as url:
        yield url


@pytest.fixture
def worker(scripted: str) -> Iterator[None]:
    with inference_worker():
        yield


@pytest.fixture
def key(scripted: str) -> str:
    return create_api_key(user=make_person("alice"))[1]


@pytest.fixture
def client(scripted: str, server: str, key: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=server + "/v1", api_key=key, max_retries=0, timeout=30) as client:
        yield client


def ask(client: OpenAI, text: str, **options: Any) -> Any:
    return client.chat.completions.create(model="scripted", messages=[{"role": "user", "content": text}], **options)


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not (done := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return done


def test_models_are_listed_and_looked_up(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["scripted"]
    assert client.models.retrieve("scripted").object == "model"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("unknown")
    assert caught.value.code == "model_unknown"


def test_a_whole_answer(client: OpenAI, worker: None) -> None:
    answer = ask(client, "rate=500 say: plain words only")
    assert answer.choices[0].message.content.strip() == "plain words only"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    generation = Generation.objects.get()
    assert answer.chatapp["generation"] == str(generation.id)
    assert answer.chatapp["model_version"] == "scripted"
    assert {"policy_version", "citations", "verdicts", "conversation"} <= set(answer.chatapp)


def test_a_streamed_answer(client: OpenAI, worker: None) -> None:
    chunks = list(ask(client, "rate=500 tokens=30", stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert [int(word[1:]) for word in text.split()] == list(range(30))
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 30
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-1].chatapp["model_version"] == "scripted"
    assert "text" not in chunks[-1].chatapp


def test_the_events_end_with_done_and_are_not_gathered(server: str, key: str, worker: None) -> None:
    body = {"model": "default", "stream": True, "messages": [{"role": "user", "content": "rate=500 tokens=3"}]}
    response = httpx.post(server + "/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"})
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"
    lines = [line for line in response.text.split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    assert json.loads(lines[-2].removeprefix("data: "))["chatapp"]["model_version"] == "scripted"


def test_a_silent_answer_is_kept_alive(server: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatapp.api.openai.streaming.HEARTBEAT_SECONDS", 0.1)
    body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.stream("POST", server + "/v1/chat/completions", json=body, headers=headers) as response:
        lines = response.iter_lines()
        assert "assistant" in next(lines)
        assert next(line for line in lines if line).startswith(":")


def test_limits_of_length_and_stop_texts(client: OpenAI, worker: None) -> None:
    cut = ask(client, "rate=500 tokens=50", max_tokens=5)
    assert (cut.choices[0].finish_reason, cut.usage.completion_tokens) == ("length", 5)
    stopped = ask(client, "rate=500 tokens=50", stop="t000004")
    assert "t000003" in stopped.choices[0].message.content
    assert "t000004" not in stopped.choices[0].message.content


def test_leaving_a_stream_stops_the_answer(client: OpenAI, worker: None) -> None:
    stream = ask(client, "rate=20 tokens=2000", stream=True)
    for _, _chunk in zip(range(5), stream, strict=False):
        pass
    stream.close()
    assert eventually(lambda: Generation.objects.get().status == Status.STOPPED)
    assert "t000000" in Generation.objects.get().message.text


def test_leaving_before_a_whole_answer_stops_it(client: OpenAI, worker: None) -> None:
    with pytest.raises(openai.APITimeoutError):
        ask(client, "rate=20 tokens=2000", timeout=1.0)
    assert eventually(lambda: Generation.objects.get().status == Status.STOPPED)


def test_leaving_while_queued_takes_it_out_of_the_queue(client: OpenAI) -> None:
    with pytest.raises(openai.APITimeoutError):
        ask(client, "hello", timeout=0.5)
    assert eventually(lambda: Generation.objects.get().status == Status.STOPPED)


def test_many_streams_hold_no_database_connection(client: OpenAI, worker: None) -> None:
    streams = [ask(client, "hello", stream=True) for _ in range(16)]
    for stream in streams:
        next(iter(stream))
    assert [model.id for model in client.models.list()] == ["scripted"]
    for stream in streams:
        stream.close()


def test_a_failing_answer_is_an_error(client: OpenAI, worker: None) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        ask(client, "rate=500 tokens=10 fail_every=1")
    assert caught.value.code in {"generation_failed", "interrupted"}
    with pytest.raises(openai.APIError):
        list(ask(client, "rate=500 tokens=10 fail_every=1", stream=True))


def test_a_full_queue_says_when_to_come_back(client: OpenAI, settings: Any) -> None:
    settings.QUEUE_MAX_GENERATIONS = 0
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError) as caught:
            ask(client, "hello", stream=stream)
        assert (caught.value.status_code, caught.value.code) == (503, "queue_full")
        assert int(caught.value.response.headers["Retry-After"]) > 0


def test_blocked_text_is_never_sent(client: OpenAI, worker: None) -> None:
    check = {"kind": "pattern", "stage": "output", "action": "block", "severity": "high", "patterns": ["falcon"]}
    create_policy_version(user=None, name="test", checks=[check], activate=True)
    shadow = create_policy_version(user=None, name="shadow", checks=[check], activate=False)
    PolicyVersion.objects.filter(id=shadow.id).update(state=PolicyState.SHADOW)  # Which nobody is told of.
    chunks = list(ask(client, "rate=100 say: the project is named falcon today", stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "falcon" not in text
    assert chunks[-1].choices[0].finish_reason == "content_filter"
    whole = ask(client, "rate=100 say: the project is named falcon today")
    assert "falcon" not in whole.choices[0].message.content
    assert whole.choices[0].finish_reason == "content_filter"
    assert [verdict["action"] for verdict in whole.chatapp["verdicts"]] == ["block"]


def test_a_conversation_goes_on_where_it_was(client: OpenAI, worker: None) -> None:
    first = ask(client, "rate=500 say: one")
    conversation = first.chatapp["conversation"]
    ask(client, "rate=500 say: two", extra_body={"chatapp": {"conversation": conversation}})
    assert Conversation.objects.get().messages.count() == 4


def test_the_conversation_and_collection_of_another_are_not_found(client: OpenAI, server: str, worker: None) -> None:
    conversation = ask(client, "rate=500 say: one").chatapp["conversation"]
    raw = create_api_key(user=make_person("mallory"))[1]
    with OpenAI(base_url=server + "/v1", api_key=raw, max_retries=0) as stranger:
        for options in ({"conversation": conversation}, {"collections": ["handbook"]}):
            with pytest.raises(openai.NotFoundError) as caught:
                ask(stranger, "hello", extra_body={"chatapp": options})
            assert caught.value.code == "not_found"
    assert Generation.objects.count() == 1
    assert User.objects.count() == 2


BAD_SCHEMAS = [
    {},
    {"schema": {}},
    {"name": "a b", "schema": {}},
    {"name": "a", "schema": []},
    {"name": "a", "schema": {"type": "banana"}},
    {"name": "a", "schema": {"$ref": "file:///etc/passwd"}},
    {"name": "a", "schema": {"enum": ["x" * 30_000]}},
    {"name": "a", "schema": {"properties": {"a": {"not": {}}}}},
]


@pytest.mark.parametrize(
    "options",
    [
        *({"temperature": value} for value in (-0.1, 2.1, "hot")),
        *({"n": 0}, {"n": 2}, {"n": 1_000_000}),
        *({"max_tokens": 0}, {"max_tokens": -1}, {"top_k": -1}, {"top_p": 0}, {"seed": -1}, {"seed": 2**40}),
        *({"n_predict": -1}, {"n_discard": 1}, {"grammar": "root ::= 'x'"}, {"cache_prompt": True}, {"id_slot": 1}),
        *(
            {"logit_bias": {str(token): 1 for token in range(20_000)}},
            {"json_schema": {}},
            {"response_format": "json"},
        ),
        *({"response_format": {"type": "grammar"}}, {"response_format": {"type": "json_object", "schema": {}}}),
        *({"response_format": {"type": "json_schema", "json_schema": part}} for part in BAD_SCHEMAS),
        *({"chat_template_kwargs": {}}, {"logit_bias": {"1": 100}}, {"ignore_eos": True}, {"user_id": "ada"}),
        *({"stop": [""]}, {"stop": ["x"] * 5}, {"stream_options": {"other": 1}}, {"chatapp": {"role": "admin"}}),
        *({"messages": []}, {"messages": [{"role": "tool", "content": "x"}]}, {"messages": [{"content": "x"}]}),
        *({"messages": [{"role": "assistant", "content": "x"}]}, {"model": None}, {"messages": "hello"}),
    ],
    ids=lambda options: repr(options)[:60],
)
def test_e03_unknown_and_out_of_range_keys_are_refused(server: str, key: str, options: dict[str, Any]) -> None:
    body = {"model": "scripted", "messages": [{"role": "user", "content": "hello"}], **options}
    response = httpx.post(server + "/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"})
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert response.json()["error"]["code"] == "invalid"
    assert not Generation.objects.exists()


def test_an_answer_may_have_to_be_json(client: OpenAI, worker: None) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False}
    named = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema, "strict": True}}
    answer = ask(client, 'rate=500 say: {"name": "Ada"}', response_format=named)
    assert json.loads(answer.choices[0].message.content) == {"name": "Ada"}
    assert Generation.objects.get().sampling == {"json_schema": schema}
    answer = ask(client, 'rate=500 say: {"pages": [1], "of": [[2, 3]]}', response_format={"type": "json_object"})
    assert json.loads(answer.choices[0].message.content) == {"pages": [1], "of": [[2, 3]]}
    assert Generation.objects.latest("created_at").sampling == {"json_schema": {"type": "object"}}
    ask(client, "rate=500 say: plain", response_format={"type": "text"})
    assert Generation.objects.latest("created_at").sampling == {}


def test_e04_sizes_are_limited(server: str, key: str, settings: Any) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    for size, code in ((settings.MESSAGE_MAX_CHARACTERS + 1, "message_too_long"), (5_000_000, "body_too_large")):
        body = {"model": "scripted", "messages": [{"role": "user", "content": "x" * size}]}
        response = httpx.post(server + "/v1/chat/completions", json=body, headers=headers)
        assert (response.status_code, response.json()["code"]) == (413, code)


def test_embeddings_without_a_worker_say_so(client: OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatapp.retrieval.client.LOOKUP_SECONDS", 0.2)
    with pytest.raises(openai.InternalServerError) as caught:
        client.embeddings.create(model="all-MiniLM-L6-v2", input="hello")
    assert (caught.value.status_code, caught.value.code) == (503, "search_unavailable")
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="other", input="hello")
