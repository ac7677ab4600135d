"""One statement keeps all leases of a worker; what it says and what its absence means."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.pipeline.reply import LeaseLostError, Reply
from chatapp.conversations.queue import claim_next
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.tests.waiting import until
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.models import AnswerOutcome, ModelVersion

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def replies(alice: User, bob: User, mallory: User, ask: Ask, worker: InferenceWorker) -> Iterator[list[Reply]]:
    """Three running answers, of which each has shown a word. Nobody keeps their leases but the test."""
    worker.leases.close()
    for person in (alice, bob, mallory):
        ask(person)
    versions = list(ModelVersion.objects.values_list("id", flat=True))
    claimed = [claim_next(worker="w", version_ids=versions) for _ in range(3)]
    replies = [Reply(one, worker.flusher.writer(one.id, one.attempt)) for one in claimed if one is not None]
    for number, reply in enumerate(replies):
        reply.show(f"word {number}")
        reply.renew()
        worker.replies[reply.generation.id] = reply
    yield replies
    worker.replies.clear()


def renew_all(worker: InferenceWorker) -> None:
    worker.leases.renew_all()


def row(reply: Reply) -> Generation:
    return Generation.objects.get(id=reply.generation.id)


def test_one_statement_renews_all(replies: list[Reply], worker: InferenceWorker) -> None:
    before = [row(reply).lease_until for reply in replies]
    with CaptureQueriesContext(connection) as queries:
        renew_all(worker)
    assert len(queries) == 1
    assert [row(reply).checkpoint for reply in replies] == ["word 0", "word 1", "word 2"]
    assert [row(reply).checkpoint_seq for reply in replies] == [1, 1, 1]
    assert all(row(reply).lease_until > then for reply, then in zip(replies, before, strict=True))


def test_without_progress_nothing_is_renewed(replies: list[Reply], worker: InferenceWorker) -> None:
    renew_all(worker)
    until_then = row(replies[0]).lease_until
    with CaptureQueriesContext(connection) as queries:
        renew_all(worker)
    assert len(queries) == 0
    assert row(replies[0]).lease_until == until_then


def test_work_beside_the_engine_keeps_the_lease_but_not_for_ever(
    replies: list[Reply], worker: InferenceWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew_all(worker)
    with replies[0].working():
        assert replies[0].take_checkpoint() is not None
        assert replies[1].take_checkpoint() is None
    assert replies[0].take_checkpoint() is None
    monkeypatch.setattr("chatapp.conversations.pipeline.reply.WORK_SECONDS", -1.0)
    with replies[0].working():
        assert replies[0].take_checkpoint() is None


def test_progress_without_text_keeps_the_checkpoint(replies: list[Reply], worker: InferenceWorker) -> None:
    renew_all(worker)
    before = row(replies[0])
    replies[0].live.note("Reading")
    replies[0].renew()
    renew_all(worker)
    after = row(replies[0])
    assert (after.checkpoint, after.checkpoint_seq) == (before.checkpoint, before.checkpoint_seq)
    assert after.lease_until > before.lease_until


def test_a_lost_lease_and_a_stop_come_back_from_it(replies: list[Reply], worker: InferenceWorker) -> None:
    Generation.objects.filter(id=replies[0].generation.id).update(attempt=2)
    Generation.objects.filter(id=replies[1].generation.id).update(stop_requested=True)
    renew_all(worker)
    assert [(reply.is_lost, reply.stopped) for reply in replies] == [(True, False), (False, True), (False, False)]
    assert row(replies[0]).checkpoint == ""
    with pytest.raises(LeaseLostError):
        replies[0].renew()


def test_a_row_that_another_transaction_holds_delays_nobody_and_is_not_lost(
    replies: list[Reply], worker: InferenceWorker
) -> None:
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Generation.objects.select_for_update().get(id=replies[0].generation.id)
            locked.set()
            release.wait(timeout=60)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(timeout=30)
    renew_all(worker)
    assert [reply.is_lost for reply in replies] == [False, False, False]
    assert [row(reply).checkpoint for reply in replies] == ["", "word 1", "word 2"]
    release.set()
    holder.join(timeout=30)
    renew_all(worker)
    assert row(replies[0]).checkpoint == "word 0"


def test_what_was_not_stored_while_the_database_was_away_is_stored_later(
    replies: list[Reply], worker: InferenceWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise OperationalError

    with monkeypatch.context() as patched:
        patched.setattr(services, "renew_leases", away)
        renew_all(worker)
    assert not any(reply.is_lost for reply in replies)
    renew_all(worker)
    assert row(replies[0]).checkpoint == "word 0"


def test_an_answer_goes_on_while_the_database_is_away_and_is_whole(
    alice: User, ask: Ask, worker: InferenceWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_away = threading.Event()
    tries: list[float] = []

    def guard(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            if is_away.is_set():
                tries.append(time.monotonic())
                raise OperationalError
            return real(*args)

        return call

    monkeypatch.setattr(services, "renew_leases", guard(services.renew_leases))
    monkeypatch.setattr(services, "finish_generation", guard(services.finish_generation))
    generation = ask(alice, "rate=50 tokens=100")
    slot = threading.Thread(target=worker.answer_all)
    slot.start()
    until(lambda: generation.id in worker.replies and worker.replies[generation.id].text)
    is_away.set()
    until(lambda: len(worker.replies[generation.id].text.split()) == 100)
    until(lambda: len(tries) >= 4)
    is_away.clear()
    slot.join(timeout=30)
    stored = Generation.objects.select_related("message").get()
    assert (stored.status, len(stored.message.text.split())) == (Status.COMPLETE, 100)


def test_beyond_the_patience_the_text_is_left_to_the_sweeper(
    alice: User, ask: Ask, worker: InferenceWorker, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.DATABASE_PATIENCE_SECONDS = 1

    def away(*_: object) -> None:
        raise OperationalError

    monkeypatch.setattr(services, "renew_leases", away)
    generation = ask(alice, "rate=50 tokens=5000")
    slot = threading.Thread(target=worker.answer_all)
    slot.start()
    slot.join(timeout=60)
    assert not slot.is_alive()
    assert Generation.objects.get().status == Status.ANSWERING
    Generation.objects.update(lease_until=generation.created_at)
    services.sweep_generations()
    stored = Generation.objects.select_related("message").get()
    assert stored.status == Status.INTERRUPTED
    assert stored.message.text.startswith("t000000 t000001 ")


def test_a_commit_whose_reply_was_lost_is_no_lost_lease(
    alice: User, ask: Ask, worker: InferenceWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = services.finish_generation
    lost: list[bool] = []

    def finish(*args: Any) -> bool:
        committed = real(*args)
        if not lost:
            lost.append(True)
            raise OperationalError
        return committed

    monkeypatch.setattr(services, "finish_generation", finish)
    generation = ask(alice)
    worker.answer_all()
    assert Generation.objects.get().status == Status.COMPLETE
    assert AnswerOutcome.objects.filter(generation_id=generation.id).count() == 1


@pytest.mark.parametrize("losses, status", [(0, Status.QUEUED), (1, Status.FAILED)])
def test_a_database_that_goes_away_before_the_first_word_costs_no_question_and_no_endless_round(
    alice: User,
    ask: Ask,
    worker: InferenceWorker,
    monkeypatch: pytest.MonkeyPatch,
    losses: int,
    status: Status,
) -> None:
    def away(*_: object) -> None:
        worker.draining.set()  # So that this worker does not claim it again.
        raise OperationalError

    monkeypatch.setattr("chatapp.conversations.pipeline.answer.read_history", away)
    ask(alice)
    Generation.objects.update(losses=losses)
    worker.answer_all()
    assert Generation.objects.get().status == status
