"""What the overview says of this moment: is it up, how fast, how long is the queue, what waits for whom."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.console.read_models import overview
from chatapp.conversations.models import Conversation, Generation, Message
from chatapp.evaluation.models import Alert
from chatapp.inference.models import AnswerOutcome, ModelVersion, Route, Worker
from chatapp.moderation.models import Exchange, Flag
from tests.people import make_person

pytestmark = pytest.mark.django_db

ClientOf = Callable[[str], Client]
PATH = "/console/"
HTMX = {"HX-Request": "true"}
ALL_OK = dict.fromkeys(("database", "broker", "migrations", "inference", "embedder"), "ok")


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What `/readyz` would say."""
    said = dict(ALL_OK)
    monkeypatch.setattr(overview, "readiness", lambda: said)
    return said


@pytest.fixture
def served() -> ModelVersion:
    version = ModelVersion.objects.create(name="large", provider="scripted", context_tokens=4096, state="serving")
    Route.objects.create(name="default", version=version)
    worker = Worker.objects.create(
        name="inference@gpu:1", kind="inference", ready=True, slots=4, busy=1,
        started_at=timezone.now(), seen_at=timezone.now(),
    )  # fmt: skip
    worker.loaded.set([version])
    return version


def make_outcomes(version: ModelVersion, count: int, *, minutes_ago: float, **fields: Any) -> None:
    given = {
        "status": "complete", "completion_tokens": 100, "first_token_seconds": 0.4, "duration_seconds": 2.4, **fields,
    }  # fmt: skip
    made = [AnswerOutcome(generation_id=uuid4(), version=version, **given) for _ in range(count)]
    AnswerOutcome.objects.bulk_create(made)
    at = timezone.now() - timedelta(minutes=minutes_ago)
    AnswerOutcome.objects.filter(pk__in=[one.pk for one in made]).update(created_at=at)


def ask(route: str = "default", *, seconds_ago: float = 0, **fields: Any) -> Generation:
    owner = make_person(f"asker-{uuid4().hex[:8]}")
    conversation = Conversation.objects.create(owner=owner)
    question = Message.objects.create(conversation=conversation, role="user", text="Why?")
    answer = Message.objects.create(conversation=conversation, role="assistant", parent=question)
    now = timezone.now()
    given = {"max_tokens": 10, "deadline_at": now + timedelta(hours=1), **fields}
    made = Generation.objects.create(message=answer, user=owner, route_id=route, **given)
    Generation.objects.filter(pk=made.pk).update(created_at=now - timedelta(seconds=seconds_ago))
    return made


def shown(client: Client) -> dict[str, str]:
    """The text of each tile by its name, with its level before it, and the headline."""
    page = client.get(PATH).content.decode()
    tiles = re.findall(
        r'data-testid="tile-(\w+)"(?: data-level="(\w+)")?>(.*?)(?=data-testid="tile-|</section>)', page, re.DOTALL
    )
    texts = {name: f"{level}: {text_of(body)}" for name, level, body in tiles}
    found = re.search(r'class="headline headline-(\w+)"[^>]*>(.*?)</p>', page, re.DOTALL)
    assert found
    return {**texts, "headline": f"{found[1]}: {text_of(found[2])}"}


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>?", " ", html).split())


def test_a_quiet_company_reads_that_all_is_well(client_of: ClientOf, served: ModelVersion) -> None:
    make_outcomes(served, 30, minutes_ago=2)
    tiles = shown(client_of("oscar"))
    assert tiles["headline"] == "ok: All is well."
    assert tiles["up"].startswith("ok: Is it up? Up Everything answers Web, database, broker, embedder answer")
    assert "1 of 1 inference workers ready Route default: large" in tiles["up"]
    assert "0.40 s to the first word As usual 95 % within 0.40 s, 50 tokens/s" in tiles["speed"]
    assert "0 waiting Empty 1 of 4 slots busy" in tiles["queue"]
    assert "What waits for you? Nothing" in tiles["waiting"]


def test_what_is_down_comes_first_in_the_words_of_readyz(
    client_of: ClientOf, served: ModelVersion, parts: dict[str, str]
) -> None:
    parts["broker"] = "the broker does not answer"
    ask(seconds_ago=60)
    tiles = shown(client_of("oscar"))
    assert tiles["headline"] == "danger: The broker does not answer; 1 question waits."
    assert tiles["up"].startswith("danger: Is it up? Not all of it Act now The broker does not answer")
    assert "Web, database, embedder answer" in tiles["up"]


def test_a_route_that_no_worker_can_answer_on_is_named(client_of: ClientOf, served: ModelVersion) -> None:
    Worker.objects.get().loaded.clear()
    assert shown(client_of("oscar"))["headline"] == "danger: No ready worker can answer on default with large."


def test_answers_that_begin_late_are_compared_with_the_day(client_of: ClientOf, served: ModelVersion) -> None:
    make_outcomes(served, 500, minutes_ago=300)
    make_outcomes(served, 20, minutes_ago=3, first_token_seconds=1.5)
    tiles = shown(client_of("oscar"))
    assert tiles["headline"] == "warn: Answers begin later than usual."
    assert "1.50 s to the first word Slower than usual" in tiles["speed"]
    assert "Last 24 h: 0.40 s" in tiles["speed"]


@pytest.mark.parametrize("left_out", [{"is_trial": True}, {"is_cached": True}, {"first_token_seconds": None}])
def test_only_what_a_model_wrote_for_people_counts(
    client_of: ClientOf, served: ModelVersion, left_out: dict[str, Any]
) -> None:
    make_outcomes(served, 30, minutes_ago=2, **left_out)
    assert "Nobody asked in 15 min" in shown(client_of("oscar"))["speed"]


def test_a_long_queue_is_said_with_its_oldest_question(client_of: ClientOf, served: ModelVersion) -> None:
    ask(seconds_ago=200)
    ask(seconds_ago=500, priority=2)  # Batch work may wait.
    running = ask(seconds_ago=600, status="answering", claimed_at=timezone.now())
    ask(seconds_ago=600, follows=running)  # Waits for the answer above it, not for a worker.
    tiles = shown(client_of("oscar"))
    assert tiles["headline"] == "danger: The oldest question waits for 3.3 min."
    assert "3 waiting Too long The oldest for 3.3 min" in tiles["queue"]


def test_everybody_reads_what_waits_for_them_and_nothing_else(client_of: ClientOf, served: ModelVersion) -> None:
    ModelVersion.objects.create(name="new", provider="scripted", context_tokens=4096)
    exchange = Exchange.objects.create(generation_id=uuid4(), question="q", answer="a")
    Flag.objects.create(exchange=exchange, severity="high", due_at=timezone.now() - timedelta(hours=1))
    mona, oscar = shown(client_of("mona")), shown(client_of("oscar"))
    assert mona["headline"] == "warn: 1 flag to review (1 overdue)."
    assert mona["waiting"].endswith("1 flag to review 1 overdue")
    assert oscar["waiting"].endswith("1 version to verify")
    assert {"speed", "queue", "rollouts"} & set(mona) == set()
    assert "large" not in mona["up"]


def test_an_alert_that_nobody_has_looked_at_is_in_the_headline(client_of: ClientOf, served: ModelVersion) -> None:
    alert = Alert.objects.create(
        kind="spike", metric="errors", route="default", version=served, value=0.2, baseline=0.01, high=0.05,
        answers=100, users=20, seen_at=timezone.now(),
    )  # fmt: skip
    assert shown(client_of("oscar"))["headline"] == "warn: 1 alert (nobody has looked)."
    assert "alert" not in shown(client_of("mona"))["waiting"]
    Alert.objects.filter(pk=alert.pk).update(acknowledged_at=timezone.now())
    assert shown(client_of("oscar"))["headline"] == "ok: All is well."


def test_a_poll_brings_what_changes_alone(client_of: ClientOf, served: ModelVersion) -> None:
    page = client_of("ada").get(PATH, headers=HTMX).content.decode()
    assert page.strip().startswith('<section id="overview"')
    assert "moderation-title" not in page


def test_the_number_of_queries_is_constant(
    client_of: ClientOf, served: ModelVersion, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_of("ada")
    for number in range(20):
        version = ModelVersion.objects.create(name=f"v{number}", provider="scripted", context_tokens=4096)
        Route.objects.create(name=f"route-{number}", version=version)
        now = timezone.now()
        Worker.objects.create(
            name=f"inference@gpu:{number + 2}", kind="inference", ready=True, started_at=now, seen_at=now
        ).loaded.set([version])
    make_outcomes(served, 50, minutes_ago=2)
    with django_assert_num_queries(17):
        client.get(PATH, headers=HTMX)
