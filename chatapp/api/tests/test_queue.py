"""The API's place in the queue: priority, refusals, several questions of one conversation."""

import json
from typing import Any

import pytest

from chatapp.accounts.models import User
from chatapp.api.openai.chat import accept_chat
from chatapp.api.openai.schemas import ChatRequest
from chatapp.api.tests.conftest import Api, assert_problem, send
from chatapp.conversations.models import Generation, Priority
from chatapp.inference.models import Route
from tests.versions import make_version

pytestmark = pytest.mark.django_db(transaction=True)  # The endpoint is async: its threads see what is committed.


@pytest.fixture(autouse=True)
def route(db: None) -> Route:
    return Route.objects.create(name=Route.DEFAULT, version=make_version("scripted"))


def body(**options: Any) -> dict[str, Any]:
    return {"model": "default", "messages": [{"role": "user", "content": "Hello?"}], "chatapp": options}


def accept(user: User, **options: Any) -> Generation:
    return accept_chat(user, ChatRequest(**body(**options)))


def test_a_request_is_behind_the_page_and_batch_behind_both(alice: User) -> None:
    assert accept(alice).priority == Priority.API
    assert accept(alice, priority="batch").priority == Priority.BATCH


@pytest.mark.parametrize("priority", ["interactive", "", 0, 2, ["batch"], True])
def test_no_other_priority_can_be_had(alice: User, api: Api, priority: object) -> None:
    response = send(api(alice), "POST", "/v1/chat/completions", json.dumps(body(priority=priority)))
    assert_problem(response, 400, "invalid")
    assert "priority" in response.json()["title"]
    assert Generation.objects.count() == 0


def test_who_has_too_many_waiting_is_told_when_to_come_again(alice: User, api: Api, settings: Any) -> None:
    settings.USER_MAX_QUEUED = 1
    accept(alice)
    response = send(api(alice), "POST", "/v1/chat/completions", json.dumps(body()))
    assert_problem(response, 429, "user_queue_full")
    assert int(response["Retry-After"]) >= 1


def test_questions_of_one_conversation_follow_each_other_up_to_a_limit(alice: User, api: Api, settings: Any) -> None:
    settings.CONVERSATION_MAX_QUEUED = 2
    first = accept(alice)
    conversation = str(first.message.conversation_id)
    assert accept(alice, conversation=conversation).follows == first
    response = send(api(alice), "POST", "/v1/chat/completions", json.dumps(body(conversation=conversation)))
    assert_problem(response, 409, "conversation_full")


def test_a_stranger_cannot_follow(alice: User, mallory: User, api: Api) -> None:
    conversation = str(accept(alice).message.conversation_id)
    response = send(api(mallory), "POST", "/v1/chat/completions", json.dumps(body(conversation=conversation)))
    assert_problem(response, 404, "not_found")
    assert Generation.objects.count() == 1
