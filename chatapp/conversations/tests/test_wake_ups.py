"""Wake-ups never hold anybody up, and losing them loses nothing."""

import threading
from typing import cast
from uuid import uuid4

import pytest
from django.conf import settings
from redis.exceptions import ConnectionError as RedisConnectionError

from chatapp.accounts.models import User
from chatapp.announcer import Announcer
from chatapp.conversations import events
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.pipeline.reply import Reply
from chatapp.conversations.streams import wakeups
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.tests.waiting import until
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.models import WorkerKind
from chatapp.metrics import FAULTS
from chatapp.redis import redis_client


def lost() -> float:
    return float(FAULTS.labels(kind="redis_lost")._value.get())


def test_who_announces_does_not_wait_and_what_does_not_fit_is_counted() -> None:
    released, before = threading.Event(), lost()
    announcer = Announcer(limit=1)
    announcer.announce("first", lambda: released.wait(timeout=60))
    until(announcer._calls.empty)
    announcer.announce("second", released.set)
    announcer.announce("third", released.set)
    assert lost() - before == 1
    released.set()
    until(announcer._calls.empty)


def test_a_broker_that_refuses_does_not_end_it() -> None:
    def refuse() -> None:
        raise RedisConnectionError

    done, before, announcer = threading.Event(), lost(), Announcer()
    announcer.announce("refused", refuse)
    announcer.announce("taken", done.set)
    assert done.wait(timeout=30)
    assert lost() - before == 1


def test_what_waits_at_the_end_of_a_process_goes_out() -> None:
    done, announcer = threading.Event(), Announcer()
    announcer.announce("slow", lambda: threading.Event().wait(0.2))
    announcer.announce("last", done.set)
    announcer.flush()
    assert done.is_set()


def test_a_wake_up_arrives_also_after_redis_has_lost_everything() -> None:
    """Nobody waits at the short way, so after the first ones they go by Celery too."""
    for _ in range(2):
        redis_client().flushdb()
        until(_wakes_by_celery)
        assert redis_client().exists(wakeups.KEY)


def _wakes_by_celery() -> bool:
    events.wake_workers()
    return bool(redis_client().llen("inference"))


def test_wake_ups_that_nobody_takes_do_not_pile_up() -> None:
    redis_client().delete(wakeups.KEY)
    assert [wakeups.ring() for _ in range(200)] == [True, *[False] * 199]
    assert redis_client().llen(wakeups.KEY) == wakeups.LONGEST
    assert 0 < redis_client().ttl(wakeups.KEY) <= wakeups.EXPIRY_SECONDS


@pytest.mark.django_db(transaction=True)
def test_a_worker_hears_by_the_short_way_and_only_while_a_slot_is_free(
    alice: User, ask: Ask, worker: InferenceWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "wake_workers", lambda: None)
    redis_client().delete(wakeups.KEY)
    busy = {uuid4(): cast("Reply", None) for _ in range(settings.INFERENCE_SLOTS)}
    worker.replies.update(busy)
    hearing = threading.Thread(target=worker._hear)
    hearing.start()
    asked = ask(alice)
    wakeups.ring()
    threading.Event().wait(0.3)
    assert redis_client().llen(wakeups.KEY) == 1
    for generation_id in busy:
        del worker.replies[generation_id]
    until(lambda: Generation.objects.get(id=asked.id).status == Status.COMPLETE)
    worker.draining.set()
    hearing.join(timeout=30)
    assert not hearing.is_alive()


@pytest.mark.django_db(transaction=True)
def test_without_any_wake_up_a_worker_finds_the_question_and_the_dead(
    alice: User, ask: Ask, worker: InferenceWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "wake_workers", lambda: None)
    monkeypatch.setattr("chatapp.conversations.workers.inference.SWEEP_SECONDS", 0.2)
    monkeypatch.setattr("chatapp.conversations.workers.warming.warm_models", lambda worker: None)
    monkeypatch.setattr("chatapp.conversations.workers.warming.has_ready_worker", lambda _: bool(WorkerKind))
    dead = ask(alice)
    Generation.objects.filter(id=dead.id).update(
        status=Status.ANSWERING, attempt=1, lease_until=dead.created_at, claimed_at=dead.created_at, stop_requested=True
    )
    asked = ask(alice)
    worker.start()
    until(lambda: Generation.objects.get(id=asked.id).status == Status.COMPLETE)
    until(lambda: Generation.objects.get(id=dead.id).status == Status.STOPPED)
