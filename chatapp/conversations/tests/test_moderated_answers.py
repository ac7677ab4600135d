"""What examiners do to an answer on its whole way: queue, worker, Redis, Postgres."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import (
    TRIALS,
    CachedAnswer,
    Conversation,
    Generation,
    Message,
    MessageRole,
    Origin,
    Status,
)
from chatapp.conversations.pipeline.reply import Reply
from chatapp.conversations.streams.entries import stream_key
from chatapp.conversations.streams.flusher import LiveWriter
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.tests.queueing import renew_lease
from chatapp.conversations.tests.test_reply import claim, entries_of, expire, shown
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.moderation import policy
from chatapp.moderation.checks.check import Parts
from chatapp.moderation.checks.examiner import Hit
from chatapp.moderation.checks.schema import KINDS
from chatapp.moderation.models import Exchange, Flag, PolicyState, PolicyVersion, Verdict
from chatapp.moderation.policy import SAFE_TEXT
from chatapp.moderation.services import create_policy_version
from chatapp.moderation.tests.examiners import Words
from chatapp.redis import redis_client

pytestmark = pytest.mark.django_db(transaction=True)
SAID = "rate=200 say: The first sentence is harmless. The project is called nightjar here. Nobody may know it."


@pytest.fixture
def examiner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Words]:
    """Patterns of a policy are seen by an examiner instead, as those of a classifier would be."""
    examiner = Words({"nightjar": 0.9})
    build = lambda _spec: Parts(examiner=examiner, threshold=0.5)  # noqa: E731
    monkeypatch.setitem(KINDS, "pattern", replace(KINDS["pattern"], build=build))
    policy._compiled.cache_clear()
    yield examiner
    policy._compiled.cache_clear()


Enforce = Callable[..., None]


@pytest.fixture
def enforce(examiner: Words) -> Enforce:
    def activate(action: str, stage: str = "output", **fields: Any) -> None:
        check = {"kind": "pattern", "stage": stage, "action": action, "severity": "high", "words": ["x"], **fields}
        create_policy_version(user=None, name="company", checks=[check], activate=True)

    return activate


def test_what_an_examiner_blocks_is_nowhere_but_in_the_exchange(
    alice: User,
    ask: Ask,
    worker: InferenceWorker,
    enforce: Enforce,
    examiner: Words,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    enforce("block")
    examiner.delay = 0.2
    checkpoints: list[str | None] = []
    renew = services.renew_leases

    def noting(taken: Sequence[services.Checkpoint]) -> Any:
        checkpoints.extend(one.text for one in taken)
        return renew(taken)

    monkeypatch.setattr("chatapp.conversations.workers.leases.services.renew_leases", noting)
    generation = ask(alice, SAID.replace("rate=200", "rate=15"))
    worker.answer_all()
    stored = Generation.objects.select_related("message").get()
    assert any(checkpoints)
    assert (stored.status, stored.finish_reason, stored.message.text) == (Status.BLOCKED, "content_filter", SAFE_TEXT)
    assert "The first sentence is harmless. The project".startswith(shown(entries_of(generation)))
    assert "nightjar" not in str(redis_client().xrange(stream_key(generation.id)))
    assert "nightjar" not in stored.checkpoint + "".join(text or "" for text in checkpoints)
    assert "nightjar" not in caplog.text
    assert not CachedAnswer.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(text, '') FROM conversations_message WHERE role = 'assistant'")
        assert "nightjar" not in cursor.fetchone()[0]
    flag = Flag.objects.select_related("exchange", "verdict").get()
    assert "nightjar" in flag.exchange.original
    assert flag.exchange.answer == SAFE_TEXT
    assert flag.verdict.score == 0.9


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All text that went out to the live stream, whatever became of it."""
    sent: list[str] = []
    append = LiveWriter.append

    def noting(writer: LiveWriter, text: str) -> None:
        sent.append(text)
        append(writer, text)

    monkeypatch.setattr(LiveWriter, "append", noting)
    return sent


def test_what_is_found_after_it_was_shown_is_taken_back(
    alice: User, ask: Ask, worker: InferenceWorker, enforce: Enforce, examiner: Words, sent: list[str]
) -> None:
    enforce("block", hold=False)
    examiner.delay = 0.1
    generation = ask(alice, SAID)
    worker.answer_all()
    assert "nightjar" in "".join(sent)
    assert [(entry.kind, entry.text) for entry in entries_of(generation)] == [("snapshot", ""), ("end", "retracted")]
    stored = Generation.objects.select_related("message").get()
    assert (stored.status, stored.finish_reason, stored.message.text) == (
        Status.RETRACTED,
        "content_filter",
        SAFE_TEXT,
    )
    assert "nightjar" in Exchange.objects.get().original


def test_a_question_is_looked_at_beside_its_answer_which_may_still_be_taken_back(
    alice: User, ask: Ask, worker: InferenceWorker, enforce: Enforce, examiner: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    enforce("block", stage="input", hold=False)
    is_shown, show, look = threading.Event(), Reply.show, examiner.examine

    def note(reply: Reply, text: str) -> None:
        show(reply, text)
        is_shown.set()

    def look_late(texts: Sequence[str]) -> list[list[Hit]]:
        assert is_shown.wait(1.5)
        return look(texts)

    monkeypatch.setattr(Reply, "show", note)
    monkeypatch.setattr(examiner, "examine", look_late)
    ask(alice, SAID)
    worker.answer_all()
    stored = Generation.objects.select_related("message").get()
    assert (stored.status, stored.message.text) == (Status.RETRACTED, SAFE_TEXT)
    verdict = Verdict.objects.get()
    assert (verdict.stage, verdict.failure) == ("input", "")
    assert "nightjar" in Exchange.objects.get().original


def test_what_is_masked_after_it_was_shown_stays_masked(
    alice: User, ask: Ask, worker: InferenceWorker, enforce: Enforce, examiner: Words, sent: list[str]
) -> None:
    enforce("mask", hold=False)
    examiner.delay = 0.1
    generation = ask(alice, SAID)
    worker.answer_all()
    text = Message.objects.get(generation=generation).text
    assert text == "The first sentence is harmless. The project is called [removed] here. Nobody may know it."
    assert "nightjar" in "".join(sent)
    assert [(entry.kind, entry.text) for entry in entries_of(generation)] == [("snapshot", text), ("end", "complete")]


@pytest.mark.parametrize("fields", [{"is_shadow": True}, {}])
def test_a_shadow_check_and_one_that_flags_leave_the_answer_alone(
    alice: User, ask: Ask, worker: InferenceWorker, enforce: Enforce, fields: dict[str, bool]
) -> None:
    enforce("block" if fields else "flag")
    if fields:
        PolicyVersion.objects.update(state=PolicyState.SHADOW)
    generation = ask(alice, SAID)
    worker.answer_all()
    stored = Generation.objects.select_related("message").get()
    assert stored.status == Status.COMPLETE
    assert "nightjar" in stored.message.text == shown(entries_of(generation))
    assert Verdict.objects.get().is_shadow == bool(fields)
    assert Flag.objects.exists() != bool(fields)


def test_an_answer_that_breaks_off_is_looked_at_as_far_as_it_was_shown(
    alice: User, ask: Ask, worker: InferenceWorker, enforce: Enforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    enforce("block", hold=False)
    monkeypatch.setattr("chatapp.conversations.pipeline.relay.settle", lambda *_: 1 / 0)
    ask(alice, "rate=200 say: It is called nightjar here")
    worker.answer_all()
    stored = Generation.objects.select_related("message").get()
    assert (stored.status, stored.message.text) == (Status.RETRACTED, SAFE_TEXT)


@pytest.mark.parametrize(
    "action, status, text",
    [
        ("block", Status.RETRACTED, SAFE_TEXT),
        ("mask", Status.INTERRUPTED, "It is [removed] "),
        ("flag", Status.INTERRUPTED, "It is nightjar "),
    ],
)
def test_what_a_dead_worker_has_shown_is_looked_at_by_the_sweeper(
    alice: User, ask: Ask, worker: InferenceWorker, enforce: Enforce, action: str, status: Status, text: str
) -> None:
    enforce(action, hold=False)
    generation = ask(alice)
    claimed = claim(worker)
    writer = worker.flusher.writer(claimed.id, claimed.attempt)
    writer.fence()
    writer.append("It is nightjar ")
    time.sleep(0.1)
    renew_lease(claimed, text="It is nightjar ", seq=writer.seq, first_token_at=None)
    expire()
    assert services.sweep_generations() == 1
    stored = Generation.objects.select_related("message").get()
    assert (stored.status, stored.message.text) == (status, text)
    assert Exchange.objects.get().original == ("It is nightjar " if action == "block" else "")
    assert [verdict.action for verdict in Verdict.objects.all()] == [action]
    assert ("nightjar" in str(redis_client().xrange(stream_key(generation.id)))) == (action == "flag")
    if action == "block":
        assert [entry.kind for entry in entries_of(generation)] == ["end"]


@pytest.mark.parametrize("action, status", [("block", Status.RETRACTED), ("flag", Status.INTERRUPTED)])
def test_the_question_of_a_dead_worker_s_answer_is_looked_at_by_the_sweeper(
    alice: User, ask: Ask, worker: InferenceWorker, enforce: Enforce, action: str, status: Status
) -> None:
    enforce(action, stage="input", hold=False)
    ask(alice, "What is nightjar?")
    claimed = claim(worker)
    writer = worker.flusher.writer(claimed.id, claimed.attempt)
    writer.fence()
    renew_lease(claimed, text="It is a bird.", seq=writer.seq, first_token_at=None)
    expire()
    assert services.sweep_generations() == 1
    stored = Generation.objects.select_related("message").get()
    assert stored.status == status
    assert ("bird" in stored.message.text) == (action == "flag")
    assert Flag.objects.get().excerpt == "What is nightjar?"


class TestQuestions:
    def test_one_that_an_examiner_blocks_gets_no_prompt(
        self, alice: User, ask: Ask, worker: InferenceWorker, enforce: Enforce, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise AssertionError

        for step in ("ground", "write_answer"):
            monkeypatch.setattr(f"chatapp.conversations.pipeline.answer.{step}", fail)
        enforce("block", stage="input")
        generation = ask(alice, "What is nightjar?")
        assert generation.status == Status.QUEUED
        worker.answer_all()
        stored = Generation.objects.select_related("message__parent").get()
        assert (stored.status, stored.message.text) == (Status.BLOCKED, SAFE_TEXT)
        assert stored.message.parent.text == "What is nightjar?"
        assert "nightjar" not in str(redis_client().xrange(stream_key(generation.id)))
        assert Flag.objects.get().excerpt == "What is nightjar?"

    def test_one_that_is_masked_is_kept_masked(
        self, alice: User, ask: Ask, worker: InferenceWorker, enforce: Enforce
    ) -> None:
        enforce("mask", stage="input")
        generation = ask(alice, "rate=2000 say: It is nightjar.")
        worker.answer_all()
        question, answer = Message.objects.filter(conversation=generation.message.conversation).order_by("created_at")
        assert (question.text, answer.text) == ("rate=2000 say: It is [removed].", "It is [removed].")
        assert Conversation.objects.get().title == question.text

    @pytest.mark.parametrize("origin", TRIALS)
    def test_one_that_nobody_wrote_is_no_work_for_reviewers(
        self, alice: User, scripted: ModelVersion, worker: InferenceWorker, enforce: Enforce, origin: Origin
    ) -> None:
        enforce("flag", stage="input")
        services.ask_trial(user=alice, text="rate=2000 say: nightjar", version=scripted, origin=origin, collections=[])
        worker.answer_all()
        assert (Verdict.objects.count(), Flag.objects.count()) == (1, 0)

    @pytest.mark.usefixtures("examiner")
    @pytest.mark.parametrize("masks, flags", [("pii", "secrets"), ("pii", "pattern"), ("pattern", "pii")])
    def test_what_is_masked_moves_what_is_flagged_and_is_in_no_excerpt(
        self, alice: User, ask: Ask, worker: InferenceWorker, masks: str, flags: str
    ) -> None:
        """In the web process and in the worker, before or after each other."""
        said = {"pii": "GB33BUKB20201555555555", "pattern": "nightjar", "secrets": "AKIAIOSFODNN7EXAMPLE"}
        given: dict[str, Any] = {"pii": {"entities": ["iban"]}, "pattern": {"words": ["x"]}, "secrets": {}}
        actions = {masks: "mask", flags: "flag"}
        checks = [
            {"kind": kind, "stage": "input", "action": action, "severity": "high", **given[kind]}
            for kind, action in actions.items()
        ]
        create_policy_version(user=None, name="company", checks=checks, activate=True)
        ask(alice, f"rate=2000 say: first {said[masks]} and {said[flags]} last.")
        worker.answer_all()
        exchange, flag = Exchange.objects.get(), Flag.objects.get()
        assert said[masks] not in exchange.question + flag.excerpt
        assert [exchange.question[start:end] for start, end in flag.spans] == [said[flags]]
        assert flag.excerpt == exchange.question

    @pytest.mark.parametrize("leaves", [True, False])
    def test_what_may_not_leave_goes_to_no_version_outside(
        self, alice: User, ask: Ask, worker: InferenceWorker, enforce: Enforce, *, leaves: bool
    ) -> None:
        generation = ask(alice, "rate=2000 say: nightjar is fine inside.")
        worker.answer_all()
        enforce("block", stage="input", external_only=True)
        if leaves:
            outside = ModelVersion.objects.create(
                name="outside", provider=Provider.SCRIPTED, context_tokens=100_000, may_leave_company=True
            )
            Route.objects.update(may_leave_company=True, version=outside)
        later = ask(alice, "rate=2000 say: Yes.", generation.message.conversation_id)
        worker.answer_all()
        assert Generation.objects.get(id=later.id).status == Status.COMPLETE
        last = ask(alice, "rate=2000 say: nightjar again.", generation.message.conversation_id)
        worker.answer_all()
        assert (Generation.objects.get(id=last.id).status == Status.BLOCKED) == leaves

    def test_turns_that_a_caller_sends_along_are_examined_too(
        self, alice: User, worker: InferenceWorker, enforce: Enforce
    ) -> None:
        enforce("block", stage="input")
        for role in (MessageRole.USER, MessageRole.ASSISTANT):
            turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
            turns[0 if role == MessageRole.USER else 1]["content"] += " nightjar"
            generation = services.post_api_chat(
                user=alice,
                messages=[*turns, {"role": "user", "content": "rate=2000 say: Yes."}],
                version=None,
                collections=[],
                conversation_id=None,
                max_tokens=None,
                sampling={},
                stop=[],
            )
            worker.answer_all()
            assert Generation.objects.get(id=generation.id).status == Status.BLOCKED
