"""SIGTERM to an inference worker: nothing that was shown is lost, nothing that was asked is forgotten."""

import threading
from typing import Any

import pytest

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.streams.entries import parse_entry, stream_key
from chatapp.conversations.tests.conftest import Ask, Start
from chatapp.conversations.tests.waiting import until
from chatapp.conversations.workers import drain
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.engine import ChatModel
from chatapp.inference.models import AnswerOutcome, ModelVersion
from chatapp.inference.pool import EnginePool
from chatapp.inference.pool.loading import MakeRoom
from chatapp.inference.testing import ScriptedModel
from chatapp.metrics import FAULTS
from chatapp.redis import redis_client

pytestmark = pytest.mark.django_db(transaction=True)


def shown(generation: Generation) -> str:
    entries = [parse_entry(*raw) for raw in redis_client().xrange(stream_key(generation.id))]
    return "".join(entry.text for entry in entries if entry.kind == "text")


def stored() -> Generation:
    return Generation.objects.select_related("message").get()


def drained() -> float:
    return float(FAULTS.labels(kind="drained")._value.get())


def test_an_answer_that_ends_in_the_window_is_complete(
    alice: User, ask: Ask, worker: InferenceWorker, slot: Start
) -> None:
    generation = ask(alice, "rate=40 tokens=60")
    slot()
    until(lambda: shown(generation))
    worker.drain()
    assert (stored().status, len(stored().message.text.split())) == (Status.COMPLETE, 60)


def test_what_is_longer_is_interrupted_with_all_that_was_shown(
    alice: User, ask: Ask, worker: InferenceWorker, slot: Start, settings: Any
) -> None:
    settings.DRAIN_SECONDS = 1
    generation, before = ask(alice, "rate=40 tokens=5000"), drained()
    thread = slot()
    until(lambda: shown(generation))
    worker.drain()
    thread.join(timeout=30)
    worker.flusher.close()
    assert (stored().status, stored().error_code) == (Status.INTERRUPTED, "worker_drained")
    assert stored().message.text == shown(generation) != ""
    assert (stored().losses, drained() - before) == (0, 1)
    assert AnswerOutcome.objects.get().status == Status.INTERRUPTED


def test_a_silent_answer_is_handed_back_at_once_and_answered_by_the_next_worker(
    alice: User, ask: Ask, worker: InferenceWorker, slot: Start
) -> None:
    ask(alice, "rate=2000 tokens=20 prefill=60")
    thread = slot()
    until(lambda: stored().status == Status.ANSWERING)
    worker.drain()
    thread.join(timeout=30)
    assert (stored().status, stored().losses, stored().lease_until) == (Status.QUEUED, 0, None)
    Generation.objects.get().message.parent.__class__.objects.filter(role="user").update(text="rate=2000 tokens=20")
    heir = InferenceWorker()
    heir.warm.set()
    heir.answer_all()
    heir.close()
    assert (stored().status, stored().attempt) == (Status.COMPLETE, 2)


def test_an_answer_whose_model_still_loads_is_handed_back(
    alice: User, ask: Ask, worker: InferenceWorker, slot: Start
) -> None:
    opened = threading.Event()

    def load(version: ModelVersion, *, make_room: MakeRoom) -> ChatModel:
        opened.wait(timeout=60)
        return ScriptedModel()

    worker.pool.close()
    worker.pool = worker.problems._pool = EnginePool(load=load)
    ask(alice)
    thread = slot()
    until(worker.pool.loading)
    worker.drain()
    thread.join(timeout=30)
    opened.set()
    assert (stored().status, stored().losses) == (Status.QUEUED, 0)


def test_a_worker_that_drains_claims_nothing(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    ask(alice)
    worker.drain()
    worker.drain()  # A second SIGTERM.
    worker.answer_all()
    assert (stored().status, stored().attempt) == (Status.QUEUED, 0)


def test_a_stop_during_the_drain_is_a_stop(
    alice: User, ask: Ask, worker: InferenceWorker, slot: Start, settings: Any
) -> None:
    generation = ask(alice, "rate=40 tokens=5000")
    slot()
    until(lambda: shown(generation))
    draining = threading.Thread(target=worker.drain)
    draining.start()
    services.request_stop(user=alice, generation_id=generation.id)
    worker.replies[generation.id].stop()
    draining.join(timeout=30)
    assert stored().status == Status.STOPPED


def test_an_answer_whose_thread_hangs_is_ended_by_the_drain_itself(
    alice: User, ask: Ask, worker: InferenceWorker, slot: Start, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DRAIN_SECONDS = 1
    monkeypatch.setattr(drain, "GRACE_SECONDS", 0.2)
    released = threading.Event()
    monkeypatch.setattr(
        "chatapp.conversations.pipeline.answer.ground", lambda *_: (released.wait(timeout=60) and []) or []
    )
    ask(alice, "rate=2000 tokens=20")
    Generation.objects.update(collections=None)
    thread = slot()
    until(lambda: stored().status == Status.ANSWERING)
    worker.drain()
    assert stored().status == Status.QUEUED
    released.set()
    thread.join(timeout=30)
    assert (stored().status, stored().message.text) == (Status.QUEUED, "")
