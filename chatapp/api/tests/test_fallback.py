"""What a caller of the chat learns when a version does not answer: which one did, or that none can."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
from chatapp.api.openai.answers import NO_MODEL_RETRY_SECONDS
from chatapp.api.tests.serving import inference_worker, web_server
from chatapp.conversations.models import Generation
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.inference.services import configure_route, register_version
from tests.versions import make_version

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scripted(settings: Any) -> ModelVersion:
    settings.SCRIPTED_MODEL = True
    return make_version("scripted")


@pytest.fixture
def broken(db: None) -> ModelVersion:
    """Nobody listens at its address."""
    return register_version(
        user=None,
        name="broken",
        provider=Provider.OPENAI_COMPATIBLE,
        preset="llama_server",
        external_model="gone",
        endpoints=[{"url": "http://127.0.0.1:9/v1", "key": ""}],
        may_leave_company=False,
        request_options={"max_retries": 0},
        context_tokens=4096,
    )


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[str]:
    with web_server() as url:
        yield url


@pytest.fixture
def client(server: str, alice: User) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {create_api_key(user=alice)[1]}"}
    with inference_worker(), httpx.Client(base_url=server, headers=headers, timeout=30) as client:
        yield client


def configure(version: ModelVersion, *fallbacks: ModelVersion, **parts: Any) -> None:
    configure_route(user=None, version=version, fallbacks=fallbacks, **{"name": Route.DEFAULT, **parts})


def chat(client: httpx.Client, **body: Any) -> httpx.Response:
    messages = [{"role": "user", "content": "rate=2000 say: Here I am."}]
    return client.post("/v1/chat/completions", json={"model": "default", "messages": messages, **body})


def events(response: httpx.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: {")]
    return [json.loads(line) for line in lines]


def test_the_answer_says_that_another_version_gave_it(
    client: httpx.Client, scripted: ModelVersion, broken: ModelVersion
) -> None:
    configure(broken, scripted)
    whole = chat(client).json()
    assert whole["choices"][0]["message"]["content"] == "Here I am."
    assert (whole["model"], whole["chatapp"]["model_version"]) == ("scripted", "scripted")
    assert whole["chatapp"]["fallback_from"] == "broken"
    last = events(chat(client, stream=True))[-1]
    assert (last["model"], last["chatapp"]["fallback_from"]) == ("scripted", "broken")
    item = client.get("/api/v1/generations").json()["items"][0]
    assert (item["model_version"], item["fallback_from"], item["rule"]) == ("scripted", "broken", None)


def test_when_no_model_can_answer_it_is_a_503_with_a_time_to_come_back(
    client: httpx.Client, broken: ModelVersion
) -> None:
    configure(broken, safe_answer="Call 4711.")
    refused = chat(client)
    assert (refused.status_code, refused.json()["code"]) == (503, "no_model")
    assert refused.headers["Retry-After"] == str(NO_MODEL_RETRY_SECONDS)
    streamed = chat(client, stream=True)
    assert (streamed.status_code, events(streamed)[-1]["error"]["code"]) == (200, "no_model")
    assert "[DONE]" not in streamed.text
    item = client.get("/api/v1/generations").json()["items"][0]
    assert (item["status"], item["error"], item["text"]) == ("failed", "no_model", "Call 4711.")


def test_a_named_version_is_answered_by_itself_or_by_nobody(
    client: httpx.Client, scripted: ModelVersion, broken: ModelVersion
) -> None:
    configure(scripted, scripted)
    assert chat(client, model="scripted").json()["chatapp"]["fallback_from"] is None
    assert chat(client, model="broken").json()["code"] == "no_model"


def test_a_route_is_a_model_too(client: httpx.Client, scripted: ModelVersion) -> None:
    configure(make_version("other"))
    configure(scripted, name="light")
    assert chat(client, model="light").json()["model"] == "scripted"
    assert Generation.objects.get().route_id == "light"


@pytest.mark.parametrize("stream", [False, True])
def test_a_named_version_to_which_text_leaves_is_refused(
    client: httpx.Client, scripted: ModelVersion, stream: bool
) -> None:
    configure(scripted)
    make_version("outside", leaves=True)
    refused = chat(client, model="outside", stream=stream)
    assert (refused.status_code, refused.json()["code"]) == (403, "model_not_allowed")
    assert "leaves the company" in refused.json()["title"]
    assert not Generation.objects.exists()


@pytest.mark.parametrize("choice", ["x" * 33, 7, ["fast"]])
def test_a_malformed_choice_is_refused(client: httpx.Client, scripted: ModelVersion, choice: object) -> None:
    configure(scripted)
    assert chat(client, chatapp={"choice": choice}).status_code == 400
