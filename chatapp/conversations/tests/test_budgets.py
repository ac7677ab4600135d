"""What a budget does to questions: told once, refused beyond, and nothing to trials or to answers that run."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
from chatapp.conversations.models import Generation, Message, Origin, Status
from chatapp.conversations.services import ask_trial
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.errors import ChatappError
from chatapp.inference.budgets.meter import forget_standings
from chatapp.inference.models import AnswerOutcome, Budget, ModelVersion, Route


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    forget_standings()
    yield
    forget_standings()


@pytest.fixture
def budget(alice: User) -> Budget:
    return Budget.objects.create(subject="user", user=alice, unit="tokens", period="day", soft=800, hard=1_000)


def use(user: User, tokens: int) -> None:
    AnswerOutcome.objects.create(generation_id=uuid4(), user=user, status="complete", prompt_tokens=tokens)
    forget_standings()


def post(client: Client) -> Any:
    form = {"conversation": str(uuid4()), "message": str(uuid4()), "text": "rate=2000 tokens=20"}
    return client.post("/messages/", form, headers={"HX-Request": "true"})


def test_most_of_it_is_told_once_and_a_question_beyond_is_refused(
    alice: User, budget: Budget, scripted: ModelVersion
) -> None:
    client = Client()
    client.force_login(alice)
    assert "budget-note" not in post(client).content.decode()
    use(alice, 900)
    assert "Your budget of 1,000 tokens a day is 90 % used." in post(client).content.decode()
    assert "budget-note" not in post(client).content.decode()
    use(alice, 100)
    before = Message.objects.count()
    refused = post(client)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 86_400
    assert "Your budget of 1,000 tokens a day is used up until" in refused.content.decode()
    assert Message.objects.count() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v1/messages"])
def test_programs_are_refused_with_a_problem(alice: User, budget: Budget, scripted: ModelVersion, path: str) -> None:
    use(alice, 1_000)
    client = Client(headers={"Authorization": f"Bearer {create_api_key(user=alice)[1]}"})
    openai = {"model": "default", "messages": [{"role": "user", "content": "How many days of leave?"}]}
    body = openai if path.startswith("/v1/") else {"text": "How many days of leave?"}
    refused = client.post(path, json.dumps(body), content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (429, "budget_used_up")
    assert int(refused["Retry-After"]) > 0
    assert not Generation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_waits_or_runs_is_not_stopped(
    alice: User, budget: Budget, worker: InferenceWorker, ask: Ask
) -> None:
    generation = ask(alice)
    use(alice, 5_000)
    worker.answer_all()
    generation.refresh_from_db()
    assert generation.status == Status.COMPLETE


@pytest.mark.django_db(transaction=True)
def test_answers_count_what_their_version_charges(alice: User, worker: InferenceWorker, ask: Ask) -> None:
    prices = {"prompt_price": Decimal(1_000), "completion_price": Decimal(50_000)}
    priced = ModelVersion.objects.create(name="priced", provider="scripted", context_tokens=100_000, **prices)
    Route.objects.update(version=priced)
    Budget.objects.create(subject="user", user=alice, unit="cost", period="month", hard=1)
    generation = ask(alice)
    worker.answer_all()
    cost = AnswerOutcome.objects.get(generation_id=generation.id).cost
    assert cost >= Decimal(1)  # 20 tokens at 0.05 each, and those that were read
    forget_standings()
    with pytest.raises(ChatappError, match=r"1\.00 of cost a month is used up"):
        ask(alice)


@pytest.mark.parametrize("origin", [Origin.TRIAL, Origin.TRIAGE])
def test_trials_are_asked_all_the_same(alice: User, budget: Budget, scripted: ModelVersion, origin: Origin) -> None:
    use(alice, 1_000)
    trial = ask_trial(user=alice, text="How many days of leave?", version=scripted, origin=origin)
    assert (trial.status, trial.budget_reached) == (Status.QUEUED, None)


def test_what_was_not_stored_told_nobody(alice: User, budget: Budget, ask: Ask, settings: Any) -> None:
    use(alice, 900)
    settings.QUEUE_MAX_GENERATIONS = 0
    with pytest.raises(ChatappError, match="busy"):
        ask(alice)
    settings.QUEUE_MAX_GENERATIONS = 100
    client = Client()
    client.force_login(alice)
    assert "budget-note" in post(client).content.decode()
