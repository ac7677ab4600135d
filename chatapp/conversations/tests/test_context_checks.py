"""What the policies do with passages before a model reads them."""

from typing import Any
from uuid import uuid4

import pytest

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation, Message, MessageRole
from chatapp.conversations.pipeline.grounding import Grounds, ground
from chatapp.conversations.tests.conftest import Ask
from chatapp.moderation.models import Action
from chatapp.moderation.policy import active_policies
from chatapp.moderation.services import create_policy_version
from chatapp.retrieval.search import Passage

pytestmark = pytest.mark.django_db(transaction=True)


def passage(text: str, context: str = "") -> Passage:
    return Passage(
        chunk_id=uuid4(),
        document_id=uuid4(),
        document_version_id=uuid4(),
        document_name="handbook.md",
        collection="handbook",
        page=None,
        heading="",
        text=text,
        context=context,
        score=1.0,
        similarity=0.9,
    )


@pytest.fixture
def read(alice: User, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> Any:
    def grounds(*passages: Passage) -> Grounds:
        generation = ask(alice, "What is the code?")
        Generation.objects.update(collections=None)
        generation.refresh_from_db()
        found = list(passages)
        monkeypatch.setattr("chatapp.conversations.pipeline.grounding.find_passages", lambda **_: found)
        monkeypatch.setattr("chatapp.conversations.pipeline.grounding.widen", lambda given, **_: given)
        question = Message(role=MessageRole.USER, text="What is the code?")
        return ground(generation, [question], active_policies(user=alice, route="default"))

    return grounds


def policy(action: str, **fields: Any) -> None:
    check = {"kind": "pattern", "stage": "context", "action": action, "patterns": ["SECRET-[0-9]{4}"], **fields}
    create_policy_version(user=None, name="company", checks=[check], activate=True)


def test_a_masked_passage_is_given_masked(read: Any) -> None:
    policy("mask")
    grounds = read(passage("The code is SECRET-1234."), passage("Nothing."))
    assert [one.given for one in grounds.passages] == ["The code is [removed].", "Nothing."]
    assert [(finding.action, finding.stage) for finding in grounds.findings] == [(Action.MASK, "context")]


def test_a_blocked_passage_is_left_out_and_what_only_surrounds_it_is(read: Any) -> None:
    policy("block")
    grounds = read(passage("SECRET-1234"), passage("Fine.", context="Fine. But SECRET-1234."), passage("Also fine."))
    assert [one.given for one in grounds.passages] == ["Fine.", "Also fine."]
    assert [finding.action for finding in grounds.findings] == [Action.BLOCK, Action.BLOCK]


def test_a_flagged_passage_is_given_and_the_flag_told(read: Any) -> None:
    policy("flag")
    grounds = read(passage("The code is SECRET-1234."))
    assert grounds.passages[0].given == "The code is SECRET-1234."
    assert "SECRET-1234" in grounds.findings[0].excerpt


def test_a_check_for_models_outside_leaves_those_inside_alone(read: Any) -> None:
    policy("block", external_only=True)
    assert len(read(passage("SECRET-1234")).passages) == 1
