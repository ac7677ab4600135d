"""Titles and summaries, written by a worker when nobody waits for it."""

import json
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from chatapp.accounts.models import User
from chatapp.announcer import _announcer
from chatapp.celery import INFERENCE_QUEUE
from chatapp.conversations import events, services
from chatapp.conversations.models import Conversation, ConversationSummary, Generation, TitledBy
from chatapp.conversations.pipeline.side_work import version_for
from chatapp.conversations.selectors import list_generations_for
from chatapp.conversations.streams.flusher import Flusher
from chatapp.conversations.tests.answering import QUESTION, Answerer
from chatapp.conversations.tests.test_reply import policy
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.conversations.workers.side_work import TRIES, do_side_work
from chatapp.inference.models import ModelVersion, Provider, Route, RouteRule, SideWork, Task
from chatapp.inference.testing import ScriptedModel
from chatapp.redis import redis_client

pytestmark = pytest.mark.django_db(transaction=True)
LONG = "Tell me about herons, and do not be short. " * 20


class OneModel:
    """Stands for the pool of a worker in which one model is loaded."""

    def __init__(self, version: ModelVersion, model: ScriptedModel) -> None:
        self.models = {version.id: model}
        self.prepared: list[ModelVersion] = []

    def loaded(self) -> dict[UUID, ScriptedModel]:
        return self.models

    @contextmanager
    def using(self, version: ModelVersion, *, waiting: object) -> Iterator[ScriptedModel]:
        yield self.models[version.id]

    def prepare(self, version: ModelVersion) -> None:
        self.prepared.append(version)

    def close(self) -> None:
        for model in self.models.values():
            model.close()


@pytest.fixture
def version(db: None) -> ModelVersion:
    version = ModelVersion.objects.create(name="quick", provider=Provider.LLAMA_CPP, context_tokens=4096)
    Route.objects.create(name=Route.DEFAULT, version=version)
    return version


@pytest.fixture
def worker(version: ModelVersion) -> Iterator[InferenceWorker]:
    """Its model writes `Paid holiday` to whatever it is asked."""
    forget_what_was_asked_for()
    worker = InferenceWorker()
    worker.pool.close()
    worker.pool = OneModel(version, ScriptedModel(tokens=["Paid ", "holiday"], rate=2000))  # type: ignore[assignment]
    yield worker
    worker.close()


@pytest.fixture
def answer(worker: InferenceWorker) -> Iterator[Answerer]:
    flusher = Flusher()
    yield Answerer(flusher, loaded_model(worker))
    flusher.close()


def loaded_model(worker: InferenceWorker) -> ScriptedModel:
    model = next(iter(worker.pool.loaded().values()))
    assert isinstance(model, ScriptedModel)
    return model


def asked_for() -> list[tuple[str, str, int]]:
    """The side work that waits in Celery's queue: task, generation, tries."""
    _announcer.flush()
    messages = [json.loads(raw) for raw in redis_client().lrange(INFERENCE_QUEUE, 0, -1)]
    side_work = [m for m in messages if m["headers"]["task"] == events.SIDE_WORK]
    assert all(m["headers"]["expires"] and m["headers"]["eta"] for m in side_work)
    bodies = [json.loads(b64decode(m["body"]))[0] for m in side_work]
    return sorted((task, generation, tries) for task, generation, tries in bodies)


def forget_what_was_asked_for() -> None:
    _announcer.flush()
    redis_client().delete(INFERENCE_QUEUE)


@contextmanager
def answering(worker: InferenceWorker) -> Iterator[None]:
    """A reply of its own keeps the worker busy."""
    number = uuid4()
    worker.replies[number] = SimpleNamespace(take_checkpoint=lambda: None)  # type: ignore[assignment]
    yield
    del worker.replies[number]


def title_of(generation: Generation) -> tuple[str, str]:
    conversation = Conversation.objects.get(messages__generation=generation)
    return conversation.title, conversation.titled_by


class TestTitle:
    def test_it_is_written_after_the_first_answer(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        first = answer(alice)
        assert title_of(first) == (QUESTION, TitledBy.QUESTION)
        assert asked_for() == [("title", str(first.id), 0)]
        do_side_work(worker, Task.TITLE, first.id, tries=0)
        assert title_of(first) == ("Paid holiday", TitledBy.MODEL)
        work = SideWork.objects.get()
        assert (work.user, work.task, work.completion_tokens) == (alice, Task.TITLE, 2)
        assert list(list_generations_for(alice)) == [first]

    def test_once_only(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        first = answer(alice)
        do_side_work(worker, Task.TITLE, first.id, tries=0)
        forget_what_was_asked_for()
        answer(alice, "And in the first year?", conversation_id=first.message.conversation_id)
        do_side_work(worker, Task.TITLE, first.id, tries=0)
        assert (asked_for(), SideWork.objects.count()) == ([], 1)

    def test_a_persons_title_stays(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        first = answer(alice)
        services.rename_conversation(user=alice, conversation_id=first.message.conversation_id, title=QUESTION)
        do_side_work(worker, Task.TITLE, first.id, tries=0)
        assert title_of(first) == (QUESTION, TitledBy.PERSON)

    def test_a_title_given_while_the_model_writes_stays(self, alice: User, answer: Answerer) -> None:
        conversation = answer(alice).message.conversation
        services.rename_conversation(user=alice, conversation_id=conversation.id, title="Mine")
        services.suggest_title(conversation=conversation, title="Not mine")
        assert Conversation.objects.get().title == "Mine"

    @pytest.mark.parametrize(
        "written", ["", "  \n", '"".', "It is as many days as the handbook says, which is twenty-eight."]
    )
    def test_what_is_no_title_is_none(
        self, alice: User, version: ModelVersion, answer: Answerer, worker: InferenceWorker, written: str
    ) -> None:
        first = answer(alice)
        worker.pool.close()
        worker.pool = OneModel(version, ScriptedModel(tokens=[written], rate=2000))  # type: ignore[assignment]
        do_side_work(worker, Task.TITLE, first.id, tries=0)
        assert title_of(first) == (QUESTION, TitledBy.QUESTION)

    def test_a_rule_that_forbids_it_is_asked(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        first = answer(alice)
        policy("block", "holiday")
        do_side_work(worker, Task.TITLE, first.id, tries=0)
        assert title_of(first) == (QUESTION, TitledBy.QUESTION)

    def test_none_when_it_is_switched_off(self, alice: User, answer: Answerer, settings: Any) -> None:
        settings.TITLES = False
        answer(alice)
        assert asked_for() == []

    def test_none_for_the_api_and_none_by_a_script(self, alice: User, answer: Answerer) -> None:
        services.post_api_chat(
            user=alice,
            messages=[{"role": "user", "content": "hello"}],
            version=None,
            collections=[],
            conversation_id=None,
            max_tokens=None,
            sampling={},
            stop=[],
        )
        answer.work(answer.model)
        script = ModelVersion.objects.create(name="script", provider=Provider.SCRIPTED, context_tokens=4096)
        Route.objects.update(version=script)
        answer(alice)
        assert asked_for() == []

    async def test_open_pages_hear_of_it(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        layer = get_channel_layer()
        page = await layer.new_channel()
        await layer.group_add(events.socket_group(alice.id), page)
        first = await database_sync_to_async(answer)(alice)
        await database_sync_to_async(do_side_work)(worker, Task.TITLE, first.id, tries=0)
        heard = [(await layer.receive(page))["type"] for _ in range(2)]
        assert heard == ["conversation.changed", "list.changed"]  # The question, then its title.


class TestSummary:
    def fill(self, user: User, answer: Answerer) -> Generation:
        first = answer(user, LONG)
        for _ in range(8):
            last = answer(user, LONG, conversation_id=first.message.conversation_id)
        forget_what_was_asked_for()
        return answer(user, LONG, conversation_id=last.message.conversation_id)

    def test_a_long_conversation_is_summed_up_and_goes_on(
        self, alice: User, answer: Answerer, worker: InferenceWorker
    ) -> None:
        last = self.fill(alice, answer)
        assert last.summary is None
        assert asked_for() == [("summary", str(last.id), 0)]
        do_side_work(worker, Task.SUMMARY, last.id, tries=0)
        summary = ConversationSummary.objects.get()
        assert (summary.text, summary.version.name) == ("Paid holiday", "quick")
        after = answer(alice, LONG, conversation_id=last.message.conversation_id)
        assert after.summary == summary
        assert Conversation.objects.get().messages.count() == 22

    def test_a_short_one_is_left_alone(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        first = answer(alice, "short")
        assert [task for task, *_ in asked_for()] == ["title"]
        do_side_work(worker, Task.SUMMARY, first.id, tries=0)
        assert not ConversationSummary.objects.exists()

    def test_a_summary_that_a_rule_forbids_is_not_kept(
        self, alice: User, answer: Answerer, worker: InferenceWorker
    ) -> None:
        last = self.fill(alice, answer)
        policy("block", "holiday")
        do_side_work(worker, Task.SUMMARY, last.id, tries=0)
        assert not ConversationSummary.objects.exists()

    def test_none_when_it_is_switched_off(self, alice: User, answer: Answerer, settings: Any) -> None:
        settings.SUMMARIES = False
        self.fill(alice, answer)
        assert asked_for() == []


class TestWhoWaitsComesFirst:
    def test_while_somebody_waits_it_is_put_off(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        first = answer(alice)
        forget_what_was_asked_for()
        services.post_message(user=alice, text="me first", message_id=uuid4(), conversation_id=None)
        do_side_work(worker, Task.TITLE, first.id, tries=0)
        assert asked_for() == [("title", str(first.id), 1)]
        assert not SideWork.objects.exists()

    @pytest.mark.parametrize("slots,runs", [(4, False), (16, True)])
    def test_beside_an_answer_it_is_done_only_where_there_is_much_room(
        self, alice: User, answer: Answerer, worker: InferenceWorker, settings: Any, slots: int, runs: bool
    ) -> None:
        first = answer(alice)
        forget_what_was_asked_for()
        settings.INFERENCE_SLOTS = slots
        with answering(worker):
            do_side_work(worker, Task.TITLE, first.id, tries=3)
        assert SideWork.objects.exists() == runs
        assert asked_for() == ([] if runs else [("title", str(first.id), 4)])

    def test_a_conversation_that_went_on_is_left_to_its_next_answer(
        self, alice: User, answer: Answerer, worker: InferenceWorker
    ) -> None:
        last = TestSummary().fill(alice, answer)
        answer(alice, LONG, conversation_id=last.message.conversation_id)
        do_side_work(worker, Task.SUMMARY, last.id, tries=0)
        assert not ConversationSummary.objects.exists()

    def test_a_question_ends_it_at_once(
        self, alice: User, bob: User, version: ModelVersion, answer: Answerer, worker: InferenceWorker
    ) -> None:
        first = answer(alice)
        forget_what_was_asked_for()
        slow = ScriptedModel(tokens=["a "] * 1000, rate=2)
        worker.pool.loaded()[version.id] = slow
        work = threading.Thread(target=do_side_work, args=(worker, Task.TITLE, first.id), kwargs={"tries": 0})
        work.start()
        while not slow.stats().slots_busy:
            time.sleep(0.01)
        do_side_work(worker, Task.SUMMARY, first.id, tries=7)
        assert asked_for() == [("summary", str(first.id), 8)]  # One at a time.
        services.post_message(user=bob, text="me first", message_id=uuid4(), conversation_id=None)
        work.join(timeout=10)
        assert not work.is_alive()
        assert title_of(first) == (QUESTION, TitledBy.QUESTION)
        assert ("title", str(first.id), 1) in asked_for()
        answer.model.close()

    def test_it_is_given_up_in_the_end(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        first = answer(alice)
        forget_what_was_asked_for()
        with answering(worker):
            do_side_work(worker, Task.TITLE, first.id, tries=TRIES[Task.TITLE] - 1)
        assert asked_for() == []

    def test_it_waits_for_no_weights(self, alice: User, answer: Answerer, worker: InferenceWorker) -> None:
        first = answer(alice)
        forget_what_was_asked_for()
        worker.pool.loaded().clear()
        do_side_work(worker, Task.TITLE, first.id, tries=0)
        assert asked_for() == [("title", str(first.id), 1)]
        answer.model.close()

    def test_of_a_deleted_conversation_nothing_is_left_to_do(
        self, alice: User, answer: Answerer, worker: InferenceWorker
    ) -> None:
        first = answer(alice)
        services.delete_conversation(user=alice, conversation_id=first.message.conversation_id)
        forget_what_was_asked_for()
        for task in (Task.TITLE, Task.SUMMARY):
            do_side_work(worker, task, first.id, tries=0)
        assert asked_for() == []


class TestDataPolicy:
    @pytest.fixture
    def outside(self, version: ModelVersion) -> ModelVersion:
        """A rule of the default route names it for titles, and the default route lets text leave."""
        outside = ModelVersion.objects.create(
            name="outside", provider=Provider.OPENAI_COMPATIBLE, context_tokens=4096, may_leave_company=True
        )
        Route.objects.update(may_leave_company=True)
        RouteRule.objects.create(route_id=Route.DEFAULT, position=0, version=outside, task=Task.TITLE)
        return outside

    def test_what_was_answered_inside_stays_inside(
        self, alice: User, version: ModelVersion, answer: Answerer, outside: ModelVersion
    ) -> None:
        assert version_for(answer(alice), Task.TITLE) == version

    def test_what_was_answered_outside_may_be_named_outside(
        self, alice: User, answer: Answerer, outside: ModelVersion
    ) -> None:
        generation = answer(alice)
        generation.version = outside
        assert version_for(generation, Task.TITLE) == outside

    def test_a_route_that_keeps_its_text_keeps_it(self, alice: User, answer: Answerer, outside: ModelVersion) -> None:
        generation = answer(alice)
        generation.version = outside
        generation.route = Route.objects.create(name="kept", version=generation.version)
        assert version_for(generation, Task.TITLE) is None
