"""Posting, editing, regenerating: what people do to conversations, and what strangers may not."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Conversation, Generation, Message, Status
from chatapp.conversations.selectors import get_thread_for
from chatapp.conversations.tests.conftest import Ask
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion
from chatapp.moderation.policy import SAFE_TEXT
from chatapp.moderation.services import create_policy_version


def code_of(call: Callable[..., object], **arguments: object) -> str:
    with pytest.raises(ChatappError) as caught:
        call(**arguments)
    return caught.value.code


def test_a_posted_message_is_stored_with_its_empty_answer(alice: User, ask: Ask) -> None:
    generation = ask(alice, "  What is it?\x00 ")
    assert generation.status == Status.QUEUED
    assert generation.message.parent.text == "What is it?"
    assert generation.message.text == ""
    assert generation.message.conversation.title == "What is it?"


def test_the_same_id_twice_is_one_message(alice: User, ask: Ask) -> None:
    conversation, message = uuid4(), uuid4()
    posts = [
        services.post_message(user=alice, text="Once", message_id=message, conversation_id=conversation) for _ in "ab"
    ]
    assert posts[0].id == posts[1].id
    assert Message.objects.count() == 2
    assert Conversation.objects.get().id == conversation


def test_a_message_id_of_another_person_is_not_found(alice: User, mallory: User, ask: Ask) -> None:
    mine = ask(alice)
    post = {"text": "Hello", "message_id": mine.message.parent_id, "conversation_id": None}
    assert code_of(services.post_message, user=mallory, **post) == "not_found"
    assert Conversation.objects.filter(owner=mallory).count() == 0


def test_a_conversation_of_another_person_is_not_found(alice: User, mallory: User, ask: Ask) -> None:
    conversation_id = ask(alice).message.conversation_id
    post = {"text": "Hello", "message_id": uuid4(), "conversation_id": conversation_id}
    assert code_of(services.post_message, user=mallory, **post) == "not_found"
    assert code_of(services.delete_conversation, user=mallory, conversation_id=conversation_id) == "not_found"
    assert Message.objects.filter(conversation_id=conversation_id).count() == 2


def test_stranger_may_neither_edit_regenerate_nor_stop(alice: User, mallory: User, ask: Ask) -> None:
    generation = ask(alice)
    question, answer = generation.message.parent_id, generation.message_id
    assert code_of(services.edit_message, user=mallory, message_id=question, new_id=uuid4(), text="x") == "not_found"
    assert code_of(services.regenerate, user=mallory, message_id=answer) == "not_found"
    assert code_of(services.request_stop, user=mallory, generation_id=generation.id) == "not_found"
    assert Generation.objects.get().status == Status.QUEUED


@pytest.mark.parametrize("text, code", [("", "message_empty"), (" \n\x07 ", "message_empty")])
def test_an_empty_message_is_refused(alice: User, scripted: ModelVersion, text: str, code: str) -> None:
    assert code_of(services.post_message, user=alice, text=text, message_id=uuid4(), conversation_id=None) == code


def test_a_long_message_is_refused_by_a_sentence_that_names_the_limit(alice: User, scripted: ModelVersion) -> None:
    with pytest.raises(ChatappError, match=r"100,000 characters; the limit is 32,000") as caught:
        services.post_message(user=alice, text="x" * 100_000, message_id=uuid4(), conversation_id=None)
    assert caught.value.status == 413
    assert Message.objects.count() == 0


def test_a_full_queue_refuses_at_once(alice: User, ask: Ask, settings: Any) -> None:
    ask(alice)
    settings.QUEUE_MAX_GENERATIONS = 1
    assert code_of(ask, user=alice) == "queue_full"


def test_an_edit_and_a_regeneration_are_siblings(alice: User, ask: Ask) -> None:
    first = ask(alice)
    asked = first.message.parent_id
    assert asked is not None
    services.request_stop(user=alice, generation_id=first.id)
    again = services.regenerate(user=alice, message_id=first.message_id)
    services.request_stop(user=alice, generation_id=again.id)
    edited = services.edit_message(user=alice, message_id=asked, new_id=uuid4(), text="In other words")
    question, answer = get_thread_for(alice, first.message.conversation_id)
    assert (question.message.text, answer.message.id) == ("In other words", edited.message_id)
    assert question.siblings == [asked, edited.message.parent_id]
    _, older = get_thread_for(alice, first.message.conversation_id, leaf_id=asked)
    assert older.siblings == [first.message_id, again.message_id]


def test_a_message_goes_below_the_branch_that_the_page_shows(alice: User, bob: User, ask: Ask) -> None:
    first = ask(alice)
    services.request_stop(user=alice, generation_id=first.id)
    services.request_stop(user=alice, generation_id=services.regenerate(user=alice, message_id=first.message_id).id)
    conversation_id = first.message.conversation_id
    post: dict[str, Any] = {"user": alice, "text": "More", "conversation_id": conversation_id}
    below = services.post_message(**post, message_id=uuid4(), leaf_id=first.message_id)
    assert below.message.parent.parent_id == first.message_id
    services.request_stop(user=alice, generation_id=below.id)
    foreign = services.post_message(**post, message_id=uuid4(), leaf_id=ask(bob).message_id)
    assert foreign.message.parent.parent_id == below.message_id


def test_a_masked_question_names_its_conversation_masked(alice: User, ask: Ask) -> None:
    checks = [{"kind": "pattern", "stage": "input", "action": "mask", "severity": "high", "patterns": ["nightjar"]}]
    create_policy_version(user=None, name="company", checks=checks, activate=True)
    generation = ask(alice, "Tell me about nightjar")
    assert generation.message.parent.text == Conversation.objects.get().title == "Tell me about [removed]"


def test_a_blocked_question_gets_the_safe_text_and_no_worker(alice: User, ask: Ask, mona: User) -> None:
    checks = [{"kind": "pattern", "stage": "input", "action": "block", "severity": "high", "patterns": ["nightjar"]}]
    create_policy_version(user=None, name="company", checks=checks, activate=True)
    generation = ask(alice, "Tell me about nightjar")
    assert (generation.status, generation.message.text) == (Status.BLOCKED, SAFE_TEXT)
    assert generation.finish_reason == "content_filter"


def test_a_thread_costs_the_same_queries_however_long(alice: User, ask: Ask, django_assert_num_queries: Any) -> None:
    generation = ask(alice)
    for _ in range(6):
        services.request_stop(user=alice, generation_id=generation.id)
        generation = ask(alice, conversation_id=generation.message.conversation_id)
    services.request_stop(user=alice, generation_id=generation.id)
    with django_assert_num_queries(3):
        assert len(get_thread_for(alice, generation.message.conversation_id)) == 14
