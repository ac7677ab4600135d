"""Whatever routes, rules, arms and fallbacks say: text stays in a company that keeps it."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Conversation, Generation, Status
from chatapp.conversations.pipeline.answer import generate_reply
from chatapp.conversations.pipeline.reply import Reply
from chatapp.conversations.queue import claim_next
from chatapp.conversations.streams.flusher import Flusher
from chatapp.conversations.tests.recording import Recorder
from chatapp.errors import ChatappError
from chatapp.inference.models import (
    ModelVersion,
    Provider,
    Route,
    RouteArm,
    RouteFallback,
    RouteRule,
    Worker,
    WorkerKind,
)
from tests.versions import make_version

pytestmark = pytest.mark.django_db(transaction=True)

ROUTES = (Route.DEFAULT, "second")
SECRET = "The merger with Nordwind closes in May."


@pytest.fixture
def flusher() -> Iterator[Flusher]:
    flusher = Flusher()
    yield flusher
    flusher.close()


@pytest.fixture
def versions(settings: Any) -> list[ModelVersion]:
    """Inside and outside, each once as this worker serves it and once as it must be handed to another."""
    settings.SCRIPTED_MODEL = True
    elsewhere: dict[str, Any] = {"provider": Provider.LLAMA_CPP, "sha256": "0" * 64}
    return [
        make_version("inside"),
        make_version("inside-elsewhere", **elsewhere),
        make_version("outside", leaves=True),
        make_version("outside-elsewhere", leaves=True, **elsewhere),
    ]


def answer_all(recorder: Recorder, flusher: Flusher, versions: list[ModelVersion]) -> None:
    """Workers that serve everything, until nothing that may be claimed is left."""
    while (claimed := claim_next(worker="w", version_ids=[version.id for version in versions])) is not None:
        generate_reply(Reply(claimed, flusher.writer(claimed.id, claimed.attempt)), recorder)


def store_routes(rng: random.Random, versions: list[ModelVersion]) -> None:
    """At random and past every check, as if all of them had failed."""
    for model in (Generation, Conversation, RouteArm, RouteRule, RouteFallback, Route, Worker):
        model.objects.all().delete()
    for name in ROUTES:
        route = Route.objects.create(name=name, version=rng.choice(versions), may_leave_company=rng.random() < 0.4)
        if rng.random() < 0.5:
            RouteArm.objects.create(route=route, version=rng.choice(versions), starts_at=0, ends_at=10_000)
        for position in range(rng.randrange(3)):
            condition: dict[str, Any] = rng.choice([{"choice": "fast"}, {"min_characters": 1}, {"task": "chat"}])
            RouteRule.objects.create(route=route, position=position, version=rng.choice(versions), **condition)
        for position in range(rng.randrange(5)):
            RouteFallback.objects.create(route=route, position=position, version=rng.choice(versions))


def ask(rng: random.Random, user: User, versions: list[ModelVersion]) -> None:
    choice = rng.choice([None, "fast"])
    if rng.random() < 0.5:
        services.post_message(
            user=user, text="tokens=1 rate=9000", message_id=uuid4(), conversation_id=uuid4(), choice=choice
        )
        return
    services.post_api_chat(
        user=user,
        messages=[{"role": "user", "content": "tokens=1 rate=9000"}],
        version=rng.choice([None, rng.choice(versions)]),
        route=rng.choice([None, *ROUTES]),
        choice=choice,
        collections=[],
        conversation_id=None,
        max_tokens=None,
        sampling={},
        stop=[],
    )


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_no_answer_leaves_a_company_that_keeps_its_text(
    seed: int, alice: User, versions: list[ModelVersion], flusher: Flusher
) -> None:
    rng = random.Random(seed)
    store_routes(rng, versions)
    recorder = Recorder(failing={version.name for version in versions if rng.random() < 0.5})
    for _ in range(2):
        try:
            ask(rng, alice, versions)
        except ChatappError as refused:
            assert refused.code == "model_not_allowed"  # noqa: PT017 - it need not be refused
    Generation.objects.update(collections=[])
    answer_all(recorder, flusher, versions)
    # What the claim leaves lying is moved on by the sweep, for workers that serve some of the versions.
    now = timezone.now()
    worker = Worker.objects.create(name="w", kind=WorkerKind.INFERENCE, started_at=now, seen_at=now, ready=True)
    worker.serves.set(rng.sample(versions, k=rng.randrange(len(versions) + 1)))
    Generation.objects.update(created_at=Now() - timedelta(minutes=1))
    services.sweep_generations()
    answer_all(recorder, flusher, versions)
    recorder.script.close()

    for generation in Generation.objects.select_related("route"):
        asked = [given.version for given in recorder.asked if given.generation_id == generation.id]
        may_leave = generation.route.may_leave_company and all(version.may_leave_company for version in asked[:1])
        assert may_leave or not any(version.may_leave_company for version in asked)


@pytest.mark.parametrize("broken", [[], ["inside"], ["inside", "inside-elsewhere"]])
def test_a_prompt_is_seen_by_inside_versions_only(
    alice: User, versions: list[ModelVersion], flusher: Flusher, broken: list[str]
) -> None:
    """The captured prompts: the text is in those of versions inside, and no version outside is given any."""
    inside, elsewhere, *outside = versions
    route = Route.objects.create(name=Route.DEFAULT, version=inside, may_leave_company=True)
    for position, version in enumerate([*outside, elsewhere]):
        RouteFallback.objects.create(route=route, position=position, version=version)
    generation = services.post_message(user=alice, text=SECRET, message_id=uuid4(), conversation_id=uuid4())
    Generation.objects.update(collections=[])
    recorder = Recorder(failing=broken)
    answer_all(recorder, flusher, versions)
    recorder.script.close()
    assert [asked.version.name for asked in recorder.asked] == ["inside", "inside-elsewhere"][: len(broken) + 1]
    assert all(SECRET in str(asked.messages) for asked in recorder.asked)
    generation.refresh_from_db()
    assert generation.status == (Status.COMPLETE if len(broken) < 2 else Status.FAILED)


def test_each_version_gets_a_prompt_of_its_own(alice: User, versions: list[ModelVersion], flusher: Flusher) -> None:
    first = make_version("first", system_prompt="Be brief.", context_tokens=100_000)
    second = make_version("second", system_prompt="Be polite.", context_tokens=100_000)
    route = Route.objects.create(name=Route.DEFAULT, version=first)
    RouteFallback.objects.create(route=route, position=0, version=second)
    services.post_message(user=alice, text="tokens=1", message_id=uuid4(), conversation_id=uuid4())
    Generation.objects.update(collections=[])
    recorder = Recorder(failing=["first"])
    answer_all(recorder, flusher, [first, second])
    recorder.script.close()
    assert [asked.messages[0]["content"] for asked in recorder.asked] == ["Be brief.", "Be polite."]
