"""Moderation services: both shapes, and all that a server may do instead of answering."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog

from chatapp.errors import ChatappError
from chatapp.inference import services
from chatapp.inference.engine import EngineError
from chatapp.inference.models import Endpoint, ModelVersion
from chatapp.inference.providers import ProviderError
from chatapp.inference.providers.moderation import ModerationClient
from chatapp.inference.selectors import get_moderation_version, get_version_by_name, list_chat_versions
from chatapp.inference.tests.fake_provider import KEY, Exchange, FakeProvider, Respond, provider

TEXTS = ["I will hurt you.", "Lunch is at noon."]


@contextmanager
def client_at(
    respond: Respond, *, preset: str = "openai", **fields: Any
) -> Iterator[tuple[ModerationClient, FakeProvider]]:
    with provider(respond) as server:
        version = ModelVersion(name="far", provider="moderation", preset=preset, context_tokens=4096, **fields)
        client = ModerationClient(version, [Endpoint(version=version, url=server.url, key=KEY)])
        yield client, server
        client.close()


def openai(exchange: Exchange) -> None:
    scores = [{"violence": 0.9 if "hurt" in text else 0.01, "hate": 0.2} for text in exchange.asked.body["input"]]
    exchange.send(200, {"id": "m", "results": [{"flagged": True, "category_scores": one} for one in scores]})


def azure(exchange: Exchange) -> None:
    severity = 6 if "hurt" in exchange.asked.body["text"] else 0
    exchange.send(200, {"blocklistsMatch": [], "categoriesAnalysis": [{"category": "Violence", "severity": severity}]})


def test_openai_gets_all_texts_at_once() -> None:
    with client_at(openai, external_model="omni-moderation-latest") as (client, server):
        scores = client.score(TEXTS, seconds=5)
    assert scores == [{"violence": 0.9, "hate": 0.2}, {"violence": 0.01, "hate": 0.2}]
    [asked] = server.asked
    assert (asked.path, asked.body) == ("/moderations", {"input": TEXTS, "model": "omni-moderation-latest"})
    assert asked.headers["authorization"] == f"Bearer {KEY}"


def test_azure_gets_one_text_after_the_other() -> None:
    with client_at(azure, preset="azure") as (client, server):
        assert client.score(TEXTS, seconds=5) == [{"Violence": 6.0}, {"Violence": 0.0}]
    assert [asked.body["text"] for asked in server.asked] == TEXTS
    assert server.asked[0].path == "/contentsafety/text:analyze"
    assert server.asked[0].query == {"api-version": "2024-09-01"}
    assert server.asked[0].headers["ocp-apim-subscription-key"] == KEY
    assert "authorization" not in server.asked[0].headers


def answering(status: int, body: Any = b"", **headers: str) -> Respond:
    return lambda exchange: exchange.send(status, body, **headers)


def results(*scores: Any) -> dict[str, Any]:
    return {"results": [{"category_scores": one} for one in scores]}


@pytest.mark.parametrize(
    "respond,said",
    [
        (answering(429, retry_after="1"), "answered 429"),
        (answering(500), "answered 500"),
        (answering(401, {"error": {"message": f"Incorrect key {KEY}"}}), "answered 401"),
        (answering(302, location="http://127.0.0.1:9/elsewhere"), "Redirects are not followed"),
        (answering(200, b"<html>"), "no verdict"),
        (answering(200, b"[" * 100_000), "no verdict"),
        (answering(200, {"results": []}), "no verdict"),
        (answering(200, results({"hate": 0.1})), "no verdict"),
        (answering(200, results({}, {})), "no verdict"),
        (answering(200, results({"hate": 1.5}, {"hate": 0.1})), "no verdict"),
        (
            answering(200, b'{"results": [{"category_scores": {"hate": NaN}}, {"category_scores": {"hate": 0}}]}'),
            "no verdict",
        ),
        (answering(200, results({"hate": "much"}, {"hate": 0.1})), "no verdict"),
        (answering(200, b" " * 2_000_000), "more than an answer can be"),
        (answering(200, b"x", content_encoding="gzip"), "compressed"),
        (lambda exchange: exchange.break_off(), "connection"),
    ],
)
def test_what_is_no_answer_is_an_error_without_foreign_words(respond: Respond, said: str) -> None:
    with (
        client_at(respond) as (client, server),
        structlog.testing.capture_logs() as logs,
        pytest.raises(ProviderError, match=said) as failed,
    ):
        client.score(TEXTS, seconds=5)
    assert len(server.asked) == 1
    assert KEY not in f"{failed.value} {failed.value.message} {logs}"
    assert TEXTS[0] not in f"{failed.value} {failed.value.message} {logs}"


def silent(exchange: Exchange) -> None:
    exchange.wait_until_client_leaves()


def trickling(exchange: Exchange) -> None:
    exchange.open_stream("application/json")
    for _ in range(200):
        exchange.write(b" ")
        time.sleep(0.02)


@pytest.mark.parametrize("respond", [silent, trickling])
def test_a_server_that_hangs_costs_the_budget_and_no_more(respond: Respond) -> None:
    with client_at(respond) as (client, _server):
        started = time.monotonic()
        with pytest.raises(ProviderError, match="took too long"):
            client.score(TEXTS, seconds=0.3)
        assert 0.25 < time.monotonic() - started < 2


def test_the_budget_holds_for_all_texts_together() -> None:
    def slow(exchange: Exchange) -> None:
        time.sleep(0.2)
        azure(exchange)

    with client_at(slow, preset="azure") as (client, _server), pytest.raises(ProviderError, match="took too long"):
        client.score(["a", "b", "c", "d"], seconds=0.5)


def fields(**changes: Any) -> dict[str, Any]:
    return {
        "user": None,
        "name": "openai-moderation",
        "provider": "moderation",
        "preset": "openai",
        "external_model": "omni-moderation-latest",
        "endpoints": [{"url": "https://api.openai.com/v1", "key": KEY}],
        "may_leave_company": True,
        "context_tokens": 4096,
        **changes,
    }


@pytest.mark.django_db
def test_a_registered_one_judges_and_never_answers() -> None:
    version = services.register_version(**fields())
    assert get_moderation_version("openai-moderation").endpoints.get().key == KEY
    assert version not in list_chat_versions()
    with pytest.raises(ChatappError, match="no model version named"):
        get_version_by_name("openai-moderation")
    for serve in (
        lambda: services.set_serving_version(user=None, version=version),
        lambda: services.configure_route(user=None, name="far", version=version, may_leave_company=True),
    ):
        with pytest.raises(ChatappError) as refused:
            serve()
        assert refused.value.code == "invalid"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes",
    [
        {"preset": "vllm"},
        {"preset": ""},
        {"sampling": {"temperature": 0.5}},
        {"system_prompt": "Be kind."},
        {"request_options": {"max_retries": 3}},
        {"request_options": {"path": "/other"}},
        {"may_leave_company": None},
        {"endpoints": []},
        {"endpoints": [{"url": "http://moderation.example/v1"}]},
    ],
)
def test_what_cannot_be_used_is_not_registered(changes: dict[str, Any]) -> None:
    with pytest.raises((ChatappError, EngineError)):
        services.register_version(**fields(**changes))
    assert not ModelVersion.objects.exists()
