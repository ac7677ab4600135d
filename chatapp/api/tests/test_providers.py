"""An external version answers through the whole product; its server is the product's own OpenAI-compatible API."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from chatapp.accounts.services import create_api_key
from chatapp.api.tests.serving import inference_worker, web_server
from chatapp.conversations.models import Generation, Status
from chatapp.inference.models import Provider
from chatapp.inference.services import register_version, set_serving_version
from tests.people import make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[str]:
    with web_server() as url:
        yield url


@pytest.fixture
def client(transactional_db: None, settings: Any, server: str) -> Iterator[OpenAI]:
    """Asks as bob; the external version `far` asks `scripted` as alice."""
    settings.SCRIPTED_MODEL = True
    scripted = register_version(user=None, name="scripted", provider=Provider.SCRIPTED, context_tokens=4096)
    set_serving_version(user=None, version=scripted)
    register_version(
        user=None,
        name="far",
        provider=Provider.OPENAI_COMPATIBLE,
        preset="openai",
        external_model="scripted",
        endpoints=[{"url": f"{server}/v1", "key": create_api_key(user=make_person("alice"))[1]}],
        may_leave_company=False,
        request_options={"max_retries": 0},
        context_tokens=4096,
    )
    key = create_api_key(user=make_person("bob"))[1]
    with inference_worker(), OpenAI(base_url=f"{server}/v1", api_key=key, max_retries=0, timeout=60) as asking:
        yield asking


def ask(client: OpenAI, text: str, **options: Any) -> Any:
    return client.chat.completions.create(model="far", messages=[{"role": "user", "content": text}], **options)


def generation_of(username: str) -> Generation:
    return Generation.objects.select_related("version", "message").get(user__username=username)


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not (done := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return done


def test_an_external_version_streams_and_its_servers_count_is_kept(client: OpenAI) -> None:
    chunks = list(ask(client, "rate=50 say: plain words from afar", stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.strip() == "plain words from afar"
    far, near = generation_of("bob"), generation_of("alice")
    assert (far.version.name, far.status, near.version.name) == ("far", Status.COMPLETE, "scripted")
    assert far.message.text == near.message.text
    assert eventually(
        lambda: (
            (generation_of("bob").prompt_tokens, generation_of("bob").completion_tokens)
            == (generation_of("alice").prompt_tokens, generation_of("alice").completion_tokens)
        )
    )


def test_stop_reaches_the_server_behind_the_version(client: OpenAI) -> None:
    stream = ask(client, "rate=20 tokens=5000", stream=True)
    assert any(chunk.choices and chunk.choices[0].delta.content for chunk in stream)
    stream.close()
    assert eventually(lambda: generation_of("bob").status == Status.STOPPED)
    assert eventually(lambda: generation_of("alice").status == Status.STOPPED)


def test_a_failure_behind_the_version_is_its_own_and_text_is_kept(client: OpenAI) -> None:
    with pytest.raises(openai.APIError):
        list(ask(client, "rate=50 tokens=20 fail_every=1", stream=True))
    far = generation_of("bob")
    assert far.status == Status.INTERRUPTED
    assert "t000001" in far.message.text
