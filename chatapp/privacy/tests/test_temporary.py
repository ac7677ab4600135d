"""Temporary chats: in no list, and gone without a trace."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.conversations import selectors, services
from chatapp.conversations.models import CachedAnswer, Conversation, Generation, Status
from chatapp.conversations.pipeline import side_work
from chatapp.conversations.services import FinishedAnswer
from chatapp.conversations.tests.answering import Answerer
from chatapp.errors import ChatappError
from chatapp.inference.models import AnswerOutcome
from chatapp.moderation.models import Exchange
from chatapp.moderation.services import create_policy_version
from chatapp.privacy.models import HoldScope, LegalHold
from chatapp.privacy.sql import find_mentions
from chatapp.privacy.tests.conftest import CANARY, find_in_redis

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _plain_text(settings: Any) -> None:
    """What is encrypted could not be found."""
    settings.ENCRYPT_MESSAGES = False


def ask(user: User, answer: Answerer, text: str = f"What does the {CANARY} do?") -> Generation:
    queued = services.post_message(user=user, text=text, message_id=uuid4(), conversation_id=uuid4(), is_temporary=True)
    Generation.objects.filter(id=queued.id).update(collections=[])
    return answer.work(answer.model)


def test_nothing_of_it_is_left_after_it_was_ended(alice: User, answer: Answerer) -> None:
    of_other_tests = set(find_in_redis(CANARY))
    generation = ask(alice, answer)
    assert CANARY in generation.message.text
    assert set(find_mentions(CANARY)) >= {"conversations_message", "moderation_exchange"}
    assert set(find_in_redis(CANARY)) - of_other_tests
    services.delete_conversation(user=alice, conversation_id=generation.message.conversation_id)
    assert find_mentions(CANARY) == {}
    assert set(find_in_redis(CANARY)) <= of_other_tests
    outcome = AnswerOutcome.objects.get(generation_id=generation.id)
    assert outcome.completion_tokens > 0  # Usage stays, without text.


def test_it_is_in_no_list_and_no_cache(alice: User, answer: Answerer) -> None:
    kept = answer(alice, f"What does the {CANARY} do?")
    assert CachedAnswer.objects.count() == 1
    generation = ask(alice, answer)
    assert not generation.is_cached
    assert CachedAnswer.objects.count() == 1
    listed = selectors.list_conversations_for(alice)
    assert [found.id for found in listed] == [kept.message.conversation_id]
    assert selectors.get_conversation_for(alice, generation.message.conversation_id).is_temporary


def test_no_title_and_no_summary_is_asked_for(alice: User, answer: Answerer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("chatapp.conversations.events.request_side_work", lambda *what, **_: asked.append(what))
    generation = ask(alice, answer)
    full = Generation.objects.select_related("message__conversation", "message__parent", "version").get(
        id=generation.id
    )
    side_work.request_side_work(full, FinishedAnswer(status=Status.COMPLETE, text="x", prompt_tokens=4000))
    assert asked == []
    Conversation.objects.update(expires_at=None)
    full.message.conversation.expires_at = None
    side_work.request_side_work(full, FinishedAnswer(status=Status.COMPLETE, text="x", prompt_tokens=4000))
    assert asked != []


def test_it_ends_by_itself(alice: User, answer: Answerer) -> None:
    generation = ask(alice, answer)
    assert services.delete_expired_conversations() == 0
    Conversation.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert services.delete_expired_conversations() == 1
    assert find_mentions(CANARY) == {}
    with pytest.raises(ChatappError, match="nothing here"):
        selectors.get_generation_for(alice, generation.id)


def test_what_a_policy_flagged_stays_for_reviewers(alice: User, answer: Answerer) -> None:
    check = {"kind": "pattern", "stage": "input", "action": "flag", "severity": "low", "patterns": [CANARY]}
    create_policy_version(user=None, name="Birds", checks=[check], activate=True)
    generation = ask(alice, answer)
    services.delete_conversation(user=alice, conversation_id=generation.message.conversation_id)
    assert Exchange.objects.get().flags.count() == 1
    # The policy itself names the word, and so does the record of who made it.
    of_the_policy = {"moderation_policyversion", "accounts_auditevent"}
    assert set(find_mentions(CANARY)) - of_the_policy == {"moderation_exchange"}


def test_under_a_hold_no_temporary_chat_begins(alice: User, bob: User, answer: Answerer) -> None:
    LegalHold.objects.create(scope=HoldScope.PERSON, person=alice, reason="case 1")
    with pytest.raises(ChatappError) as refused:
        ask(alice, answer)
    assert refused.value.code == "temporary_off"
    assert Conversation.objects.count() == 0
    assert ask(bob, answer).message.text


def test_a_deletion_under_a_hold_only_hides(alice: User, answer: Answerer) -> None:
    generation = answer(alice)
    conversation_id = generation.message.conversation_id
    LegalHold.objects.create(scope=HoldScope.EVERYONE, reason="case 1")
    services.delete_conversation(user=alice, conversation_id=conversation_id)
    assert Conversation.objects.get().deleted_at is not None
    assert not selectors.list_conversations_for(alice).exists()
    assert not selectors.list_messages_for(alice).exists()
    for reads in (
        lambda: selectors.get_conversation_for(alice, conversation_id),
        lambda: selectors.get_thread_for(alice, conversation_id),
        lambda: selectors.get_turn_for(alice, generation.message_id),
        lambda: selectors.get_generation_for(alice, generation.id),
        lambda: services.rename_conversation(user=alice, conversation_id=conversation_id, title="x"),
        lambda: services.delete_conversation(user=alice, conversation_id=conversation_id),
        lambda: services.post_message(user=alice, text="x", message_id=uuid4(), conversation_id=conversation_id),
    ):
        with pytest.raises(ChatappError) as refused:
            reads()
        assert refused.value.code == "not_found"


def test_the_page_offers_it_says_so_and_ends_it(alice: User, answer: Answerer, mallory: User) -> None:
    client, conversation_id = Client(), uuid4()
    client.force_login(alice)
    assert b'name="temporary"' in client.get("/").content
    data = {"text": "Hello", "message": uuid4(), "conversation": conversation_id, "temporary": "1"}
    started = client.post(reverse("post_message"), data, headers={"HX-Request": "true"})
    assert b"temporary-banner" in started.content
    page = client.get(reverse("conversation", args=[conversation_id]))
    assert b"temporary-banner" in page.content
    assert str(conversation_id).encode() not in client.get(reverse("conversations")).content
    stranger = Client()
    stranger.force_login(mallory)
    assert stranger.post(reverse("delete_conversation", args=[conversation_id])).status_code == 404
    assert Conversation.objects.count() == 1
    client.post(reverse("delete_conversation", args=[conversation_id]), headers={"HX-Request": "true"})
    assert Conversation.objects.count() == 0


def test_none_are_offered_where_they_are_turned_off(alice: User, settings: Any) -> None:
    settings.TEMPORARY_CHAT_HOURS = 0
    client = Client()
    client.force_login(alice)
    assert b'name="temporary"' not in client.get("/").content
    data = {"text": "Hello", "message": uuid4(), "conversation": uuid4(), "temporary": "1"}
    refused = client.post(reverse("post_message"), data, headers={"HX-Request": "true"})
    assert refused.status_code == 409
    assert Conversation.objects.count() == 0
