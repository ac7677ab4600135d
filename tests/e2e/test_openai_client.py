"""OpenAI's client against the whole product: its processes, its queue, its models."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.stack import MODEL, Stack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    return stack.manage("create_api_key", "alice").split()[-1]


@pytest.fixture
def client(stack: Stack, key: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=stack.base_url + "/v1", api_key=key, max_retries=0, timeout=120) as client:
        yield client


def ask(client: OpenAI, text: str, *, model: str = "scripted", **options: Any) -> Any:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **options)


def own(stack: Stack, key: str, path: str) -> Any:
    response = httpx.get(f"{stack.base_url}/api/v1/{path}", headers={"Authorization": f"Bearer {key}"})
    assert response.status_code == 200
    return response.json()


@pytest.mark.parametrize("version", [MODEL, "scripted"])
def test_models_are_listed_with_the_serving_one_first(client: OpenAI, stack: Stack, version: str) -> None:
    stack.serve(version)
    assert next(iter(client.models.list())).id == version


def test_a_real_model_answers_and_counts(client: OpenAI) -> None:
    answer = ask(client, "Say hello.", model=MODEL, max_tokens=8)
    assert answer.choices[0].message.content
    assert 0 < answer.usage.completion_tokens <= 8
    assert answer.chatapp["model_version"] == MODEL


def test_a_stream_arrives_piece_by_piece(client: OpenAI) -> None:
    started, arrivals, text = time.monotonic(), [], ""
    for chunk in ask(client, "rate=20 tokens=40", stream=True, stream_options={"include_usage": True}):
        if chunk.choices and (piece := chunk.choices[0].delta.content):
            arrivals.append(time.monotonic() - started)
            text += piece
        last = chunk
    assert [int(word[1:]) for word in text.split()] == list(range(40))
    assert arrivals[-1] - arrivals[0] > 1
    assert last.usage.completion_tokens == 40


def test_leaving_a_stream_cancels_its_generation(client: OpenAI, stack: Stack, key: str) -> None:
    stream = ask(client, "rate=20 tokens=4000", stream=True)
    for _, chunk in zip(range(5), stream, strict=False):
        generation = chunk.id.removeprefix("chatcmpl-")
    stream.close()
    deadline = time.monotonic() + 10
    while (found := own(stack, key, f"generations/{_dashed(generation)}"))["status"] != "stopped":
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    assert 0 < len(found["text"].split()) < 1000


def test_embeddings_come_from_a_worker(client: OpenAI) -> None:
    found = client.embeddings.create(model="all-MiniLM-L6-v2", input=["paid holiday", "vacation days", "price list"])
    holiday, vacation, prices = (item.embedding for item in found.data)
    assert len(holiday) == 384
    assert _dot(holiday, vacation) > _dot(holiday, prices)
    assert found.usage.total_tokens > 0


def test_an_answer_cites_what_it_rests_on(client: OpenAI, stack: Stack) -> None:
    answer = ask(
        client,
        "How many days of paid holiday do I get per year?",
        model=MODEL,
        max_tokens=60,
        extra_body={"chatapp": {"collections": ["handbook"]}},
    )
    assert answer.chatapp["collections"] == ["handbook"]
    for citation in answer.chatapp["citations"]:
        assert {"n", "document", "document_version", "page", "quote", "url"} <= set(citation)


def test_a_wrong_key_is_refused(stack: Stack) -> None:
    stranger = OpenAI(base_url=stack.base_url + "/v1", api_key="wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError) as caught:
        stranger.models.list()
    assert caught.value.code == "unauthenticated"


def _dashed(hexadecimal: str) -> str:
    parts = (hexadecimal[:8], hexadecimal[8:12], hexadecimal[12:16], hexadecimal[16:20], hexadecimal[20:])
    return "-".join(parts)


def _dot(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
