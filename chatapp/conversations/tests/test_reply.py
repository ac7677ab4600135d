"""The answer path with the scripted model, real Postgres and real Valkey."""

import threading
import time
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Message, Status
from chatapp.conversations.pipeline.prompts import NOT_FOUND, SEARCH_DOWN
from chatapp.conversations.queue import claim_next
from chatapp.conversations.streams.entries import Entry, fields, parse_entry, stream_key
from chatapp.conversations.streams.flusher import LiveWriter
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.tests.queueing import renew_lease
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.models import ModelVersion, Provider
from chatapp.moderation.models import Exchange, Flag
from chatapp.moderation.policy import SAFE_TEXT
from chatapp.moderation.services import create_policy_version
from chatapp.redis import redis_client
from chatapp.retrieval.embedding import EmbeddingError

pytestmark = pytest.mark.django_db(transaction=True)


def entries_of(generation: Generation) -> list[Entry]:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = [parse_entry(*raw) for raw in redis_client().xrange(stream_key(generation.id))]
        if found and found[-1].kind == "end":
            return found
        time.sleep(0.02)
    raise AssertionError(found)


def shown(entries: list[Entry]) -> str:
    return "".join(entry.text for entry in entries if entry.kind == "text")


def policy(action: str, *patterns: str) -> None:
    check = {"kind": "pattern", "stage": "output", "action": action, "severity": "high", "patterns": list(patterns)}
    create_policy_version(user=None, name="company", checks=[check], activate=True)


def test_an_answer_is_streamed_committed_and_recorded(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    generation = ask(alice, "rate=2000 tokens=45")
    worker.answer_all()
    stored = Generation.objects.select_related("message").get()
    entries = entries_of(generation)
    numbers = [int(word[1:]) for word in stored.message.text.split()]
    assert (stored.status, stored.finish_reason, numbers) == (Status.COMPLETE, "stop", list(range(45)))
    assert shown(entries) == stored.message.text
    assert [entry.seq for entry in entries] == list(range(len(entries)))
    assert {entry.attempt for entry in entries} == {1}
    assert (entries[0].kind, entries[-1].text) == ("fence", "complete")
    assert (stored.checkpoint, stored.lease_until) == ("", None)
    assert stored.completion_tokens == 45
    exchange = Exchange.objects.get()
    assert (exchange.question, exchange.answer, exchange.model_version) == (
        "rate=2000 tokens=45",
        stored.message.text,
        "scripted",
    )


@pytest.mark.parametrize("when", [0.0, 0.3])
def test_stop_frees_the_engine_and_keeps_the_text(alice: User, ask: Ask, worker: InferenceWorker, when: float) -> None:
    generation = ask(alice, "rate=50 tokens=5000")
    slot = threading.Thread(target=worker.answer_all)
    slot.start()
    while generation.id not in worker.replies:
        time.sleep(0.01)
    time.sleep(when)
    services.request_stop(user=alice, generation_id=generation.id)
    worker.replies[generation.id].stop()
    slot.join(timeout=10)
    assert not slot.is_alive()
    stored = Generation.objects.select_related("message").get()
    assert stored.status == Status.STOPPED
    assert stored.message.text == shown(entries_of(generation))
    assert [engine.stats().slots_busy for engine in worker.pool.loaded().values()] in ([0], [])


def test_the_stop_flag_alone_is_enough(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    generation = ask(alice, "rate=50 tokens=5000")
    slot = threading.Thread(target=worker.answer_all)
    slot.start()
    while generation.id not in worker.replies:
        time.sleep(0.01)
    Generation.objects.update(stop_requested=True)
    slot.join(timeout=10)
    assert Generation.objects.get().status == Status.STOPPED


def test_a_blocked_answer_never_reaches_the_stream(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    policy("block", "nightjar")
    generation = ask(alice, "rate=2000 say: The project is called nightjar and nobody may know.")
    worker.answer_all()
    stored = Generation.objects.select_related("message").get()
    assert (stored.status, stored.finish_reason, stored.message.text) == (
        Status.BLOCKED,
        "content_filter",
        SAFE_TEXT,
    )
    raw = str(redis_client().xrange(stream_key(generation.id)))
    assert "nightjar" not in raw
    assert "The project is called ".startswith(shown(entries_of(generation)))
    flag = Flag.objects.select_related("exchange").get()
    assert "nightjar" in flag.exchange.original


def test_a_masked_span_goes_out_masked(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    policy("mask", "[0-9]{4}-[0-9]{4}")
    generation = ask(alice, "rate=2000 say: The code is 1234-5678, thanks.")
    worker.answer_all()
    text = Message.objects.get(generation=generation).text
    assert "1234-5678" not in text
    assert text.startswith("The code is ")
    assert shown(entries_of(generation)) == text


def test_an_engine_that_fails_is_told_apart(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    ask(alice, "rate=2000 tokens=5 fail_every=1")
    worker.answer_all()
    stored = Generation.objects.get()
    assert stored.status in {Status.FAILED, Status.INTERRUPTED}
    assert stored.error_code == "model_error"


def test_while_search_is_down_the_answer_comes_without_sources_and_says_so(
    alice: User, ask: Ask, worker: InferenceWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EmbeddingError("no model")

    monkeypatch.setattr("chatapp.conversations.pipeline.answer.ground", fail)
    generation = ask(alice, "rate=2000 say: Hello there.")
    Generation.objects.update(collections=None)
    worker.answer_all()
    text = Message.objects.get(generation=generation).text
    assert text == SEARCH_DOWN + "Hello there."


@pytest.mark.parametrize("collections", [["handbook"], None])
def test_a_company_question_without_passages_gets_an_honest_no_and_no_model(
    alice: User, ask: Ask, worker: InferenceWorker, collections: list[str] | None
) -> None:
    weightless = ModelVersion.objects.create(name="other", provider=Provider.LLAMA_CPP, context_tokens=1024)
    generation = ask(alice, "How many days of holiday do I get?")
    Generation.objects.update(collections=collections, version=weightless)
    claimed = claim_next(worker="w", version_ids=[weightless.id])
    assert claimed is not None
    worker.answer(claimed)
    stored = Generation.objects.select_related("message").get(id=generation.id)
    assert (stored.status, stored.message.text) == (Status.COMPLETE, NOT_FOUND)
    assert (stored.completion_tokens, shown(entries_of(generation))) == (0, NOT_FOUND)


def test_a_later_attempt_fences_the_earlier_one(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    generation = ask(alice)
    late = worker.flusher.writer(generation.id, attempt=1)
    late.fence()
    late.append("shown by the first attempt")
    time.sleep(0.2)
    Generation.objects.update(attempt=1)
    worker.answer_all()
    late.append("too late")
    time.sleep(0.2)
    assert late.fenced
    text = "".join(e.text for e in entries_of(generation) if e.kind == "text" and e.attempt == 2)
    assert text == Message.objects.get(generation=generation).text


def test_a_worker_that_lost_its_lease_writes_nothing_and_frees_the_engine(
    alice: User, ask: Ask, worker: InferenceWorker
) -> None:
    generation = ask(alice, "rate=50 tokens=5000")
    slot = threading.Thread(target=worker.answer_all)
    slot.start()
    while not redis_client().exists(stream_key(generation.id)):
        time.sleep(0.01)
    Generation.objects.update(attempt=2, status=Status.INTERRUPTED)
    slot.join(timeout=10)
    assert not slot.is_alive()
    assert Message.objects.get(generation=generation).text == ""
    deadline = time.monotonic() + 5
    while busy := sum(engine.stats().slots_busy for engine in worker.pool.loaded().values()):
        assert time.monotonic() < deadline, busy
        time.sleep(0.02)


def test_a_lost_stream_starts_anew_with_all_text(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    generation = ask(alice, "rate=40 tokens=120")
    slot = threading.Thread(target=worker.answer_all)
    slot.start()
    while not redis_client().exists(stream_key(generation.id)):
        time.sleep(0.01)
    time.sleep(0.5)
    redis_client().delete(stream_key(generation.id))
    slot.join(timeout=20)
    stored = Generation.objects.select_related("message").get()
    entries = entries_of(generation)
    assert stored.status == Status.COMPLETE
    assert entries[0].kind == "snapshot"
    assert entries[0].text + shown(entries) == stored.message.text


def test_a_deleted_conversation_leaves_nothing(alice: User, ask: Ask, worker: InferenceWorker) -> None:
    generation = ask(alice, "rate=50 tokens=5000")
    slot = threading.Thread(target=worker.answer_all)
    slot.start()
    while not redis_client().exists(stream_key(generation.id)):
        time.sleep(0.01)
    services.delete_conversation(user=alice, conversation_id=generation.message.conversation_id)
    worker.replies[generation.id].stop()
    slot.join(timeout=10)
    assert not slot.is_alive()
    assert Message.objects.count() == Exchange.objects.count() == 0
    assert redis_client().xrange(stream_key(generation.id)) == []


@pytest.mark.parametrize("gone", ["conversation", "user"])
def test_what_is_deleted_just_after_its_claim_breaks_nothing(
    alice: User, bob: User, ask: Ask, worker: InferenceWorker, gone: str
) -> None:
    ask(alice)
    claimed = claim(worker)
    follows = ask(alice, conversation_id=claimed.message.conversation_id)
    if gone == "user":
        User.objects.get(id=alice.id).delete()
    else:
        services.delete_conversation(user=alice, conversation_id=claimed.message.conversation_id)
    worker.answer(claimed)
    other = ask(bob, "rate=2000 tokens=2")
    worker.answer_all()
    assert not Generation.objects.filter(id__in=[claimed.id, follows.id]).exists()
    assert Generation.objects.get(id=other.id).status == Status.COMPLETE


class TestSweeper:
    def dead(self, alice: User, ask: Ask, worker: InferenceWorker, *, text: str = "") -> tuple[Generation, LiveWriter]:
        """A generation whose worker died after it had shown `text`, of which the first word is checkpointed."""
        generation = ask(alice)
        claimed = claim(worker)
        writer = worker.flusher.writer(claimed.id, claimed.attempt)
        writer.fence()
        first, *more = text.split(" ")
        if text:
            writer.append(first + " ")
            renew_lease(claimed, text=first + " ", seq=writer.seq, first_token_at=None)
        for word in more:
            writer.append(word + " ")
        time.sleep(0.2)
        expire()
        return generation, writer

    def test_text_that_was_shown_is_kept_as_interrupted(self, alice: User, ask: Ask, worker: InferenceWorker) -> None:
        generation, writer = self.dead(alice, ask, worker, text="one two three")
        assert services.sweep_generations() == 1
        stored = Generation.objects.select_related("message").get()
        assert (stored.status, stored.message.text) == (Status.INTERRUPTED, "one two three ")
        assert entries_of(generation)[-1].text == "interrupted"
        writer.append("zombie")
        time.sleep(0.2)
        assert writer.fenced

    def test_nothing_shown_is_tried_once_more_then_fails(self, alice: User, ask: Ask, worker: InferenceWorker) -> None:
        self.dead(alice, ask, worker)
        services.sweep_generations()
        assert Generation.objects.get().status == Status.QUEUED
        claimed = claim(worker)
        worker.flusher.writer(claimed.id, claimed.attempt).fence()
        time.sleep(0.2)
        expire()
        services.sweep_generations()
        stored = Generation.objects.get()
        assert (stored.status, stored.attempt, stored.error_code) == (Status.FAILED, 2, "worker_lost")

    def test_without_redis_the_checkpoint_counts(self, alice: User, ask: Ask, worker: InferenceWorker) -> None:
        generation, _ = self.dead(alice, ask, worker, text="one two three")
        redis_client().delete(stream_key(generation.id))
        services.sweep_generations()
        stored = Generation.objects.select_related("message").get()
        assert (stored.status, stored.message.text) == (Status.INTERRUPTED, "one ")

    def test_the_sweeper_leaves_a_live_lease_alone(self, alice: User, ask: Ask, worker: InferenceWorker) -> None:
        ask(alice)
        claim(worker)
        assert services.sweep_generations() == 0


def claim(worker: InferenceWorker) -> Generation:
    claimed = claim_next(worker="dead", version_ids=[version.id for version in worker.served()])
    assert claimed is not None
    return claimed


def expire() -> None:
    Generation.objects.update(lease_until=Now() - timedelta(seconds=1))


def test_entries_carry_version_one_fields() -> None:
    assert set(fields("text", "x")) == {"k", "t", "a"}
