"""Text that a policy keeps inside the company goes to no version outside, whatever that one is asked to write."""

from typing import Any

import pytest

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import ConversationSummary, Generation, Message, MessageRole, Status
from chatapp.conversations.pipeline import compaction
from chatapp.conversations.pipeline.prompts import History
from chatapp.conversations.pipeline.questions import leavable
from chatapp.conversations.pipeline.side_work import write_summary, write_title
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.inference.testing import ScriptedModel
from chatapp.moderation.policy import PolicySet, active_policies
from chatapp.moderation.services import create_policy_version

pytestmark = pytest.mark.django_db(transaction=True)
IBAN = "GB33BUKB20201555555555"
BLOCK = {"kind": "pattern", "action": "block", "patterns": ["nightjar"]}
MASK = {"kind": "pii", "action": "mask", "entities": ["iban"]}


def policy(check: dict[str, Any], **fields: Any) -> None:
    checks = [{"stage": "input", "severity": "high", **check, **fields}]
    create_policy_version(user=None, name="company", checks=checks, activate=True)


def go_outside() -> ModelVersion:
    outside = ModelVersion.objects.create(
        name="outside", provider=Provider.SCRIPTED, context_tokens=100_000, may_leave_company=True
    )
    Route.objects.update(may_leave_company=True, version=outside)
    return outside


def talk(*texts: str) -> list[Message]:
    """Questions and answers in turns."""
    roles = (MessageRole.USER, MessageRole.ASSISTANT)
    return [Message(role=roles[at % 2], text=text) for at, text in enumerate(texts)]


def leaving(alice: User) -> PolicySet:
    return active_policies(user=alice, route=Route.DEFAULT)


def test_a_question_that_is_asked_again_is_masked_as_the_policy_wants_it_now(
    alice: User, ask: Ask, worker: InferenceWorker, told: list[str]
) -> None:
    first = ask(alice, f"rate=2000 say: Pay to {IBAN}.")
    worker.answer_all()
    policy(MASK)
    told.clear()
    again = services.regenerate(user=alice, message_id=first.message_id)
    worker.answer_all()
    question, answer = again.message.parent, Message.objects.get(generation=again)
    assert question is not None
    question.refresh_from_db()
    assert (question.text, answer.text) == (
        "rate=2000 say: Pay to [account number removed].",
        "Pay to [account number removed].",
    )
    assert question.conversation.title == question.text
    assert told
    assert IBAN not in "".join(told)


def test_what_was_answered_inside_is_looked_at_before_it_leaves(
    alice: User, ask: Ask, worker: InferenceWorker, told: list[str]
) -> None:
    first = ask(alice, "rate=2000 say: The project is called night")
    worker.answer_all()
    Message.objects.filter(id=first.message_id).update(text="The project is called nightjar.")
    policy(BLOCK, external_only=True)
    go_outside()
    told.clear()
    later = ask(alice, "rate=2000 say: Yes.", first.message.conversation_id)
    worker.answer_all()
    assert Generation.objects.get(id=later.id).status == Status.COMPLETE
    assert told
    assert "The project is called" not in "".join(told)


def test_a_summary_that_was_made_inside_is_looked_at_too(alice: User) -> None:
    policy(MASK, external_only=True)
    turns = talk(f"Pay {IBAN}", f"I paid {IBAN}.", "And now?")
    masked = leavable(History(turns, ConversationSummary(text=f"They spoke of {IBAN}.")), leaving(alice))
    assert masked.summary is not None
    assert IBAN not in "".join([*(message.text for message in masked.messages), masked.summary.text])
    assert len(masked.messages) == len(turns)


@pytest.mark.parametrize("at", [0, 1])
def test_of_a_turn_that_may_not_leave_nothing_does(alice: User, at: int) -> None:
    policy(BLOCK, external_only=True)
    turns = talk("Hello", "Hi", "What is it?", "A bird.", "And now?")
    turns[at].text = "nightjar"
    kept = leavable(History(turns, ConversationSummary(text="A talk.")), leaving(alice))
    assert ([message.text for message in kept.messages], kept.summary) == (["What is it?", "A bird.", "And now?"], None)
    assert not kept.is_whole  # So no summary is made that would leave the turn out for models inside, too.


@pytest.mark.parametrize("check, is_asked", [(BLOCK, False), (MASK, True)])
def test_titles_and_summaries_by_versions_outside_are_made_of_what_may_leave(
    alice: User,
    ask: Ask,
    worker: InferenceWorker,
    told: list[str],
    monkeypatch: pytest.MonkeyPatch,
    check: dict[str, Any],
    *,
    is_asked: bool,
) -> None:
    monkeypatch.setattr(compaction, "WORTH", 0)
    monkeypatch.setattr(compaction, "KEPT", 0)
    asked = ask(alice, f"rate=2000 say: nightjar {IBAN}.")
    worker.answer_all()
    policy(check, external_only=True)
    generation = Generation.objects.select_related("message__conversation", "message__parent").get(id=asked.id)
    generation.version, model = go_outside(), ScriptedModel(tokens=["Paid holiday"], rate=2000)
    for write in (write_title, write_summary):
        told.clear()
        write(generation, model=model, version=generation.version, must_yield=lambda: False)
        assert bool(told) == is_asked
        assert IBAN not in "".join(told)
    model.close()
