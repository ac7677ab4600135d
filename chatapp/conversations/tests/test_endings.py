"""Answers that do not simply end: what is stored, and what the page says of it."""

import pytest

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.rendering import render_turn
from chatapp.conversations.selectors import get_turn_for
from chatapp.conversations.streams.entries import stream_key
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.tests.waiting import until
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.metrics import FAULTS, FaultKind
from chatapp.redis import redis_client

pytestmark = pytest.mark.django_db(transaction=True)


def page(user: User, generation: Generation) -> str:
    return render_turn(get_turn_for(user, generation.message_id), user=user)


def counted(kind: FaultKind) -> float:
    return float(FAULTS.labels(kind=kind)._value.get())


def test_an_answer_that_would_not_end_is_cut_and_says_so(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    generation = ask(alice, "rate=2000 tokens=50")
    Generation.objects.update(max_tokens=10)
    worker.answer_all()
    stored = Generation.objects.get()
    assert (stored.status, stored.finish_reason) == (Status.COMPLETE, "length")
    assert "cut here" in page(alice, generation)


def test_a_whole_answer_says_nothing(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    generation = ask(alice)
    worker.answer_all()
    assert "cut here" not in page(alice, generation)


@pytest.mark.parametrize("nothing", ["rate=2000 tokens=0", "rate=2000 say:    "])
def test_an_empty_answer_has_failed(alice: User, ask: Ask, worker: InferenceWorker, nothing: str) -> None:
    generation = ask(alice, nothing)
    worker.answer_all()
    stored = Generation.objects.get()
    assert (stored.status, stored.error_code) == (Status.FAILED, "empty_answer")
    assert "without writing anything" in page(alice, generation)


def test_an_answer_that_loses_two_workers_is_quarantined_and_others_are_answered(
    alice: User, bob: User, ask: Ask, worker: InferenceWorker
) -> None:
    poison, before = ask(alice), (counted("worker_lost"), counted("quarantined"))
    for _ in range(2):
        Generation.objects.filter(id=poison.id).update(
            status=Status.ANSWERING, attempt=1, lease_until=poison.created_at, claimed_at=poison.created_at
        )
        worker.flusher.writer(poison.id, 1).fence()
        until(lambda: redis_client().exists(stream_key(poison.id)))
        services.sweep_generations()
    neighbour = ask(bob)
    worker.answer_all()
    assert Generation.objects.get(id=poison.id).status == Status.FAILED
    assert Generation.objects.get(id=neighbour.id).status == Status.COMPLETE
    assert (counted("worker_lost") - before[0], counted("quarantined") - before[1]) == (2, 1)
    assert "stopped before it could write" in page(alice, poison)
