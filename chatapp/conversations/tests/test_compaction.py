"""Long conversations: what stands in the prompt for their older part, and that nothing of them is lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import (
    Conversation,
    ConversationSummary,
    Generation,
    Message,
    MessageRole,
    Status,
)
from chatapp.conversations.pipeline.compaction import plan_compaction
from chatapp.conversations.pipeline.prompts import History, Prompt, build_prompt, usable_history
from chatapp.conversations.selectors import list_path
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.inference.testing import ScriptedModel

pytestmark = pytest.mark.django_db
BUDGET = 400  # tokens of four characters


@pytest.fixture
def version(db: None) -> ModelVersion:
    version = ModelVersion.objects.create(name="v", provider=Provider.LLAMA_CPP, context_tokens=4096)
    Route.objects.create(name=Route.DEFAULT, version=version)
    return version


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    model = ScriptedModel()
    yield model
    model.close()


@pytest.fixture
def talk(alice: User, version: ModelVersion) -> "Talk":
    return Talk(alice, version)


class Talk:
    """A conversation as a tree; each turn is a question and an answer of 100 characters (25 tokens) with a number."""

    def __init__(self, owner: User, version: ModelVersion) -> None:
        self.owner = owner
        self.version = version
        self.conversation = Conversation.objects.create(owner=owner, title="t")

    def say(self, *numbers: int, below: Message | None = None, status: Status = Status.COMPLETE) -> Message:
        at = below
        for number in numbers:
            at = self._message(at, MessageRole.USER, f"question {number} ")
            at = self._message(at, MessageRole.ASSISTANT, f"answer {number} ")
            Generation.objects.create(
                message=at,
                user=self.owner,
                route_id=Route.DEFAULT,
                version=self.version,
                max_tokens=100,
                status=status,
                deadline_at="2100-01-01T00:00Z",
            )
        assert at is not None
        return at

    def ask(self, *, below: Message | None) -> Message:
        return self._message(below, MessageRole.USER, "and now? ")

    def _message(self, parent: Message | None, role: MessageRole, text: str) -> Message:
        filled = text + "x" * (100 - len(text))
        return Message.objects.create(conversation=self.conversation, parent=parent, role=role, text=filled)


def history(message: Message) -> History:
    return usable_history(list_path(message))


def prompt(model: ScriptedModel, message: Message, budget: int = BUDGET) -> Prompt:
    return build_prompt(
        model=model, system_prompt="Be brief.", history=history(message), passages=[], budget_tokens=budget
    )


def summed_up(message: Message | None, text: str = "They talked.") -> ConversationSummary:
    assert message is not None
    services.store_summary(upto_id=message.id, version_id=ModelVersion.objects.get().id, text=text)
    return ConversationSummary.objects.get(upto=message)


def numbers(found: Prompt) -> list[str]:
    """What stands in the prompt, as `question 1`; the summary as `summary`."""
    words = []
    for message in found.messages[1:]:
        content = message["content"]
        if content.startswith("What was said before"):
            words.append("summary")
        elif not content.startswith("I have read"):
            words.append(" ".join(content.split()[:2]))
    return words


class TestPrompt:
    def test_what_fits_stands_there_itself_whatever_summaries_there_are(self, talk: Talk, model: ScriptedModel) -> None:
        leaf = talk.say(1, 2)
        summed_up(leaf.parent.parent)
        found = prompt(model, talk.ask(below=leaf))
        assert found.summary is None
        assert numbers(found) == ["question 1", "answer 1", "question 2", "answer 2", "and now?"]

    def test_without_a_summary_the_oldest_gives_way(self, talk: Talk, model: ScriptedModel) -> None:
        found = prompt(model, talk.ask(below=talk.say(*range(1, 9))))
        assert found.summary is None
        assert numbers(found)[:2] == ["question 4", "answer 4"]

    def test_a_summary_stands_for_what_does_not_fit(self, talk: Talk, model: ScriptedModel) -> None:
        middle = talk.say(1, 2, 3, 4)
        summary = summed_up(middle)
        found = prompt(model, talk.ask(below=talk.say(5, 6, 7, 8, below=middle)))
        assert found.summary == summary
        assert numbers(found) == [
            "summary",
            *(f"{kind} {number}" for number in (5, 6, 7, 8) for kind in ("question", "answer")),
            "and now?",
        ]
        assert [message["role"] for message in found.messages[:4]] == ["system", "user", "assistant", "user"]

    def test_the_newest_summary_of_the_branch_counts(self, talk: Talk, model: ScriptedModel) -> None:
        fork = talk.say(1, 2, 3)
        first = summed_up(fork)
        left, right = talk.say(4, 5, 6, below=fork), talk.say(14, 15, 16, below=fork)
        second = summed_up(left)
        asked_left = talk.ask(below=talk.say(7, 8, below=left))
        asked_right = talk.ask(below=talk.say(17, 18, below=right))
        assert (prompt(model, asked_left).summary, prompt(model, asked_right).summary) == (second, first)
        assert not {"question 4", "answer 6"} & set(numbers(prompt(model, asked_right)))

    def test_no_summary_that_may_tell_of_an_answer_that_was_taken_back(self, talk: Talk, model: ScriptedModel) -> None:
        first = talk.say(1, 2)
        kept = summed_up(first)
        second = talk.say(3, 4, below=first)
        summed_up(second, "They talked of something secret.")
        asked = talk.ask(below=talk.say(*range(5, 11), below=second))
        Generation.objects.filter(message=second.parent.parent).update(status=Status.RETRACTED)
        found = prompt(model, asked)
        assert found.summary == kept
        assert "answer 3" not in numbers(found)

    def test_when_there_is_room_for_the_question_only_the_summary_gives_way_too(
        self, talk: Talk, model: ScriptedModel
    ) -> None:
        leaf = talk.say(1, 2)
        summed_up(leaf, "word " * 100)
        found = prompt(model, talk.ask(below=leaf), budget=40)
        assert (found.summary, numbers(found)) == (None, ["and now?"])


class TestPlan:
    def plan(self, model: ScriptedModel, leaf: Message, room: int = 1000) -> Any:
        return plan_compaction(model=model, history=history(leaf), budget_tokens=BUDGET, room_tokens=room)

    def test_the_older_part_is_told_and_the_newest_turns_are_not(self, talk: Talk, model: ScriptedModel) -> None:
        plan = self.plan(model, talk.say(*range(1, 9)))
        # A quarter of 400 tokens holds one turn of twice 25 and 8.
        assert plan.upto.text.startswith("answer 7 ")
        told = plan.messages[-1]["content"]
        assert "Employee: question 1 " in told
        assert "Assistant: answer 7 " in told
        assert "question 8" not in told

    def test_the_next_summary_is_made_of_the_one_before(self, talk: Talk, model: ScriptedModel) -> None:
        middle = talk.say(1, 2, 3)
        summed_up(middle, "They spoke of herons.")
        told = self.plan(model, talk.say(4, 5, 6, below=middle)).messages[-1]["content"]
        assert "Minutes so far:\nThey spoke of herons." in told
        assert "question 3" not in told
        assert "question 4" in told

    def test_little_is_left_alone(self, talk: Talk, model: ScriptedModel) -> None:
        assert self.plan(model, talk.say(1)) is None

    def test_what_a_small_model_cannot_read_at_once_is_told_in_part(self, talk: Talk, model: ScriptedModel) -> None:
        plan = self.plan(model, talk.say(*range(1, 9)), room=250)
        assert plan.upto.role == MessageRole.ASSISTANT
        assert not plan.upto.text.startswith("answer 7 ")
        assert sum(model.count_tokens(message["content"]) for message in plan.messages) <= 250

    def test_nothing_fits_into_a_model_that_is_too_small(self, talk: Talk, model: ScriptedModel) -> None:
        assert self.plan(model, talk.say(*range(1, 9)), room=50) is None

    def test_a_question_that_was_blocked_is_in_no_summary(self, talk: Talk, model: ScriptedModel) -> None:
        blocked = talk.say(2, below=talk.say(1), status=Status.BLOCKED)
        told = self.plan(model, talk.say(3, 4, 5, below=blocked)).messages[-1]["content"]
        assert "question 2" not in told

    def test_none_below_an_answer_that_was_taken_back(self, talk: Talk, model: ScriptedModel) -> None:
        taken_back = talk.say(2, below=talk.say(1), status=Status.RETRACTED)
        assert self.plan(model, talk.say(*range(3, 9), below=taken_back)) is None


def test_a_path_is_read_in_one_query(talk: Talk, django_assert_num_queries: Any) -> None:
    leaf = talk.say(*range(1, 20))
    with django_assert_num_queries(1):
        assert len(history(leaf).messages) == 38


def test_the_first_summary_stands_and_goes_with_its_conversation(alice: User, talk: Talk) -> None:
    leaf = talk.say(1)
    assert summed_up(leaf, "first") == summed_up(leaf, "second")
    assert ConversationSummary.objects.get().text == "first"
    services.delete_conversation(user=alice, conversation_id=talk.conversation.id)
    services.store_summary(upto_id=leaf.id, version_id=talk.version.id, text="late")
    assert not ConversationSummary.objects.exists()
