"""A worker round its pool: what it claims, holds, tells, and lets go."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.tests.conftest import Ask, Start
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.conversations.workers.lending import lend
from chatapp.inference.engine import ChatModel, EngineError
from chatapp.inference.models import ModelVersion, VersionProblem, Worker
from chatapp.inference.pool import EnginePool
from chatapp.inference.pool.loading import MakeRoom
from chatapp.inference.testing import ScriptedModel
from chatapp.redis import redis_client

pytestmark = pytest.mark.django_db(transaction=True)


class Gate:
    """A loader that waits, and then succeeds or fails as told."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.error: EngineError | None = None

    def __call__(self, version: ModelVersion, *, make_room: MakeRoom) -> ChatModel:
        assert self.opened.wait(timeout=60)
        if self.error:
            raise self.error
        return ScriptedModel()


@pytest.fixture
def gate(worker: InferenceWorker) -> Iterator[Gate]:
    gate = Gate()
    worker.pool.close()
    worker.pool = worker.problems._pool = EnginePool(load=gate)
    yield gate
    gate.opened.set()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_who_waits_for_a_model_is_told_and_keeps_the_lease(
    alice: User, ask: Ask, worker: InferenceWorker, gate: Gate, slot: Start
) -> None:
    generation = ask(alice, "rate=2000 say: Hello there.")
    thread = slot()
    until(lambda: bool(worker.pool.loading()))
    worker._reporter.report()
    reported = Worker.objects.get()
    assert (reported.ready, list(reported.loading.all()), list(reported.serves.all())) == (
        False,
        [generation.route.version],
        [generation.route.version],
    )
    until(lambda: any("The model is loading" in str(entry) for entry in entries(generation)))
    claimed_until = Generation.objects.get().lease_until
    until(lambda: Generation.objects.get().lease_until > claimed_until)
    gate.opened.set()
    thread.join(timeout=20)
    assert Generation.objects.get().status == Status.COMPLETE


def entries(generation: Generation) -> list[object]:
    from chatapp.conversations.streams.entries import stream_key

    return list(redis_client().xrange(stream_key(generation.id)))


def test_a_stop_does_not_wait_for_the_model(
    alice: User, ask: Ask, worker: InferenceWorker, gate: Gate, slot: Start
) -> None:
    ask(alice)
    thread = slot()
    until(lambda: bool(worker.pool.loading()))
    Generation.objects.update(stop_requested=True)
    thread.join(timeout=10)
    assert Generation.objects.get().status == Status.STOPPED
    assert worker.pool.loading()


def test_a_version_that_cannot_be_loaded_is_told_of_and_not_claimed_again(
    alice: User, ask: Ask, worker: InferenceWorker, gate: Gate
) -> None:
    gate.error = EngineError("The self-test was ended by SIGILL.")
    gate.opened.set()
    ask(alice)
    worker.answer_all()
    assert Generation.objects.get().status == Status.FAILED
    worker._tend()
    worker._reporter.report()
    assert VersionProblem.objects.get().reason == "The self-test was ended by SIGILL."
    assert list(Worker.objects.get().serves.all()) == []
    ask(alice)
    worker.answer_all()
    assert sorted(Generation.objects.values_list("status", flat=True)) == [Status.FAILED, Status.QUEUED]


def test_a_running_answer_outlives_the_route_and_the_drain(
    alice: User, ask: Ask, worker: InferenceWorker, slot: Start
) -> None:
    ask(alice, "rate=40 tokens=60")
    thread = slot()
    until(lambda: bool(worker.pool.loaded()))
    worker.pool.tend(versions=[], routed=(), default=None, idle_seconds=0)
    worker.draining.set()
    assert worker.pool.loaded()
    thread.join(timeout=20)
    stored = Generation.objects.select_related("message").get()
    assert (stored.status, len(stored.message.text.split())) == (Status.COMPLETE, 60)


def test_a_judge_borrows_a_model_that_is_here_and_waits_for_none(worker: InferenceWorker, gate: Gate) -> None:
    version = ModelVersion.objects.create(name="judge", provider="scripted", context_tokens=4096)
    with pytest.raises(EngineError, match="judge is being loaded"), lend(worker.pool, version):
        pass
    gate.opened.set()
    until(lambda: version.id in worker.pool.loaded())
    with lend(worker.pool, version) as model:
        assert model is worker.pool.loaded()[version.id]
