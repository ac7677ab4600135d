"""A candidate writes unseen answers beside those that people get, while nobody waits."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Conversation, Generation, Origin, Source
from chatapp.conversations.selectors import get_thread_for
from chatapp.conversations.shadow_models import ShadowAnswer
from chatapp.conversations.streams.flusher import Flusher
from chatapp.conversations.tests.answering import QUESTION, Answerer
from chatapp.conversations.tests.test_reply import policy
from chatapp.conversations.tests.test_side_work import OneModel, answering, asked_for, forget_what_was_asked_for
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.conversations.workers.side_work import TRIES, do_side_work
from chatapp.inference.engine import ChatMessage, EngineError, Stream
from chatapp.inference.models import (
    ModelVersion,
    Provider,
    Rollout,
    RolloutKind,
    RolloutState,
    Route,
    ShadowOutcome,
    ShadowState,
    SideWork,
    Task,
)
from chatapp.inference.testing import ScriptedModel
from tests.versions import make_version

pytestmark = pytest.mark.django_db(transaction=True)


class NotingModel(ScriptedModel):
    """Notes what it is asked."""

    def __init__(self, **script: Any) -> None:
        super().__init__(**script)
        self.prompts: list[list[ChatMessage]] = []

    def chat(self, messages: Sequence[ChatMessage], **request: Any) -> Stream:
        self.prompts.append(list(messages))
        return super().chat(messages, **request)


@pytest.fixture(autouse=True)
def quiet(settings: Any) -> None:
    settings.TITLES = settings.SUMMARIES = False
    forget_what_was_asked_for()


@pytest.fixture
def rollout(db: None) -> Rollout:
    """A shadow rollout on the default route."""
    baseline, candidate = (make_version(name, provider=Provider.LLAMA_CPP) for name in ("old", "new"))
    route = Route.objects.create(name=Route.DEFAULT, version=baseline)
    rollout = Rollout.objects.create(
        route=route,
        kind=RolloutKind.SHADOW,
        baseline=baseline,
        candidate=candidate,
        stage_started_at=timezone.now(),
    )
    Route.objects.update(rollout=rollout)
    return rollout


@pytest.fixture
def answer(rollout: Rollout) -> Iterator[Answerer]:
    """What people get: `Paid holiday`."""
    flusher, model = Flusher(), NotingModel(tokens=["Paid ", "holiday"], rate=2000)
    yield Answerer(flusher, model)
    model.close()
    flusher.close()


@pytest.fixture
def worker(rollout: Rollout) -> Iterator[InferenceWorker]:
    """The candidate writes `Twenty-eight days`."""
    worker = InferenceWorker()
    worker.pool.close()
    lend(worker, NotingModel(tokens=["Twenty-", "eight ", "days"], rate=2000), rollout.candidate)
    yield worker
    worker.close()


def lend(worker: InferenceWorker, model: ScriptedModel, version: ModelVersion) -> None:
    worker.pool = OneModel(version, model)  # type: ignore[assignment]


def write(worker: InferenceWorker, generation: Generation, *, tries: int = 0) -> ShadowOutcome:
    do_side_work(worker, Task.SHADOW, generation.pk, tries=tries)
    return ShadowOutcome.objects.get(pk=generation.pk)


class TestWriting:
    def test_the_text_is_kept_and_nobody_sees_it(
        self, alice: User, rollout: Rollout, answer: Answerer, worker: InferenceWorker
    ) -> None:
        given = answer(alice)
        assert asked_for() == [("shadow", str(given.pk), 0)]
        assert ShadowOutcome.objects.get().state == ShadowState.WAITING
        outcome = write(worker, given)
        assert ShadowAnswer.objects.get().text == "Twenty-eight days"
        assert (outcome.state, outcome.rollout, outcome.user) == (ShadowState.COMPLETE, rollout, alice)
        assert (outcome.completion_tokens, outcome.is_cut, outcome.is_refusal) == (3, False, False)
        assert outcome.first_token_seconds is not None
        assert outcome.duration_seconds is not None
        assert outcome.first_token_seconds <= outcome.duration_seconds
        given.refresh_from_db()
        assert (given.version, given.message.text) == (rollout.baseline, "Paid holiday")
        shown = [turn.text for turn in get_thread_for(alice, given.message.conversation_id)]
        assert shown == [QUESTION, "Paid holiday"]

    def test_the_company_pays_for_it_and_not_who_asked(
        self, alice: User, answer: Answerer, worker: InferenceWorker
    ) -> None:
        write(worker, answer(alice))
        work = SideWork.objects.get()
        assert (work.user, work.task, work.completion_tokens) == (None, Task.SHADOW, 3)

    def test_it_has_the_same_before_it(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        first = answer(alice)
        given = answer(alice, "And in the first year?", conversation_id=first.message.conversation_id)
        Source.objects.create(message=given.message, n=1, document_name="handbook.md", page=3, quote="It is 28 days.")
        write(worker, given)
        asked = _model(answer.model).prompts[-1]
        unseen = _model(next(iter(worker.pool.loaded().values()))).prompts[-1]
        assert unseen[:-1] == asked[:-1]
        assert [message["content"] for message in unseen][1:3] == [QUESTION, "Paid holiday"]
        assert "[1] handbook.md, page 3\nIt is 28 days." in unseen[-1]["content"]
        assert unseen[-1]["content"].endswith("Question: And in the first year?")

    def test_once_only(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        given = answer(alice)
        write(worker, given)
        lend(worker, ScriptedModel(tokens=["Other"], rate=2000), ModelVersion.objects.get(name="new"))
        write(worker, given)
        assert ShadowAnswer.objects.get().text == "Twenty-eight days"

    def test_output_policy_comes_first(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        given = answer(alice)
        policy("mask", "Twenty")
        write(worker, given)
        assert "Twenty" not in ShadowAnswer.objects.get().text

    def test_what_a_policy_takes_away_is_not_kept(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        given = answer(alice)
        policy("block", "eight")
        assert write(worker, given).state == ShadowState.BLOCKED
        assert not ShadowAnswer.objects.exists()

    def test_flags_of_its_own_text_are_counted(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        policy("flag", "eight")
        outcome = write(worker, answer(alice))
        assert (outcome.flags, outcome.baseline_flags) == (1, 0)

    def test_a_failure_is_the_candidates(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        class Broken(ScriptedModel):
            def submit(self, *_: Any, **__: Any) -> Any:
                raise EngineError("no")

        lend(worker, Broken(), ModelVersion.objects.get(name="new"))
        outcome = write(worker, answer(alice))
        assert (outcome.state, outcome.error_code) == (ShadowState.FAILED, "model_error")


class TestSpareCapacity:
    def test_it_waits_while_somebody_is_answered_and_is_counted_when_given_up(
        self, alice: User, answer: Answerer, worker: InferenceWorker
    ) -> None:
        given = answer(alice)
        forget_what_was_asked_for()
        with answering(worker):
            assert write(worker, given).state == ShadowState.WAITING
            assert asked_for() == [("shadow", str(given.pk), 1)]
            assert write(worker, given, tries=TRIES[Task.SHADOW] - 1).state == ShadowState.SKIPPED
        assert not ShadowAnswer.objects.exists()

    def test_the_share_decides(self, alice: User, answer: Answerer, settings: Any) -> None:
        settings.SHADOW_PERCENT = 0
        answer(alice)
        assert (asked_for(), ShadowOutcome.objects.exists()) == ([], False)


class TestWhatHasNone:
    def test_what_the_baseline_was_not_drawn_for(self, alice: User, answer: Answerer, rollout: Rollout) -> None:
        answer(alice, version=rollout.baseline, is_pinned=True)
        answer(alice, version=rollout.baseline, fallback_from=rollout.candidate)
        assert asked_for() == []

    def test_temporary_conversations(self, alice: User, answer: Answerer) -> None:
        services.post_message(user=alice, text=QUESTION, message_id=uuid4(), conversation_id=None)
        Generation.objects.update(collections=[])
        Conversation.objects.update(expires_at=timezone.now() + timedelta(hours=1))
        answer.work(answer.model)
        assert asked_for() == []

    @pytest.mark.parametrize("origin", [Origin.TRIAL, Origin.TRIAGE])
    def test_trials(self, alice: User, answer: Answerer, origin: Origin) -> None:
        services.post_message(user=alice, text=QUESTION, message_id=uuid4(), conversation_id=None)
        Generation.objects.update(collections=[])
        Conversation.objects.update(origin=origin)
        answer.work(answer.model)
        assert asked_for() == []

    def test_an_answer_without_documents_to_rest_on(self, alice: User, answer: Answerer) -> None:
        answer(alice, collections=["nowhere"])
        assert asked_for() == []

    def test_a_rollout_that_is_over(
        self, alice: User, answer: Answerer, rollout: Rollout, worker: InferenceWorker
    ) -> None:
        given = answer(alice)
        Rollout.objects.update(state=RolloutState.ENDED)
        assert write(worker, given).state == ShadowState.SKIPPED
        forget_what_was_asked_for()
        answer(alice)
        assert asked_for() == []

    def test_what_was_said_inside_goes_to_no_version_outside(
        self, alice: User, answer: Answerer, worker: InferenceWorker
    ) -> None:
        Route.objects.update(may_leave_company=True)
        Rollout.objects.update(candidate=make_version("outside", leaves=True))
        assert write(worker, answer(alice)).state == ShadowState.SKIPPED
        assert not ShadowAnswer.objects.exists()


class TestDeletion:
    def test_the_text_goes_with_the_conversation_and_the_figures_stay(
        self, alice: User, answer: Answerer, worker: InferenceWorker
    ) -> None:
        given = answer(alice)
        write(worker, given)
        services.delete_conversation(user=alice, conversation_id=given.message.conversation_id)
        assert not ShadowAnswer.objects.exists()
        assert ShadowOutcome.objects.get().state == ShadowState.COMPLETE

    def test_it_is_encrypted(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        write(worker, answer(alice))
        with connection.cursor() as cursor:
            cursor.execute("SELECT text FROM conversations_shadowanswer")
            assert "eight" not in cursor.fetchone()[0]


def _model(model: Any) -> NotingModel:
    assert isinstance(model, NotingModel)
    return model
