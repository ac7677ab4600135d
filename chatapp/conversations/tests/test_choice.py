"""The Model menu of the page, and who is named below an answer."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.conversations.bylines import byline_of
from chatapp.conversations.models import NO_MODEL, Conversation, Generation, Message, Status
from chatapp.conversations.tests.conftest import Ask
from chatapp.inference.models import ModelVersion, Route
from chatapp.inference.services import RuleSpec, configure_route
from tests.versions import make_version

pytestmark = pytest.mark.django_db

MENU = 'data-testid="choice"'


@pytest.fixture
def small(scripted: ModelVersion) -> ModelVersion:
    """What the default route gives to those who choose fast."""
    version = make_version("small")
    rules = [RuleSpec(version=version, choice="fast"), RuleSpec(version=scripted, choice="thorough")]
    configure_route(user=None, name=Route.DEFAULT, version=scripted, rules=rules)
    return version


@pytest.fixture
def client(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def post(client: Client, conversation: object, **data: Any) -> Any:
    given = {"text": "Hello?", "message": str(uuid4()), "conversation": str(conversation), **data}
    return client.post(reverse("post_message"), given, headers={"HX-Request": "true"})


def selected(page: str) -> str:
    menu = page[page.index(MENU) : page.index("</select>")]
    return menu.partition(" selected>")[2].partition("<")[0]


def test_there_is_no_menu_where_there_is_nothing_to_choose(client: Client, scripted: ModelVersion) -> None:
    assert MENU not in client.get(reverse("chat")).content.decode()


def test_the_menu_offers_what_the_rules_know_and_leaves_it_to_the_route(client: Client, small: ModelVersion) -> None:
    page = client.get(reverse("chat")).content.decode()
    menu = page[page.index(MENU) : page.index("</select>")]
    assert [option.partition("<")[0] for option in menu.split(">")[2::2]] == ["Automatic", "Fast", "Thorough"]
    assert selected(page) == ""


def test_a_choice_counts_and_is_remembered_for_the_conversation(
    client: Client, alice: User, small: ModelVersion
) -> None:
    conversation = uuid4()
    assert post(client, conversation, choice="fast").status_code == 200
    assert Generation.objects.get().rule.version == small
    page = client.get(reverse("conversation", args=[conversation])).content.decode()
    assert selected(page) == "Fast"
    assert selected(client.get(reverse("chat")).content.decode()) == ""


def test_another_answer_and_other_words_follow_the_menu(client: Client, small: ModelVersion) -> None:
    conversation = uuid4()
    post(client, conversation)
    Generation.objects.update(status=Status.FAILED)
    answer = Generation.objects.get().message
    client.post(reverse("regenerate", args=[conversation, answer.id]), {"choice": "fast"})
    Generation.objects.update(status=Status.FAILED)
    again = {"text": "Hi", "message": str(uuid4()), "choice": ""}
    client.post(reverse("edit_message", args=[conversation, answer.parent_id]), again)
    rules = [generation.rule for generation in Generation.objects.order_by("created_at")]
    assert [rule.version.name if rule else "" for rule in rules] == ["", "small", ""]


def test_without_a_menu_the_choice_stays(client: Client, small: ModelVersion) -> None:
    conversation = uuid4()
    post(client, conversation, choice="fast")
    Generation.objects.update(status=Status.FAILED)
    post(client, conversation)
    assert Conversation.objects.get().choice == "fast"


@pytest.mark.parametrize("choice", ["x" * 33, "a\0b"])
def test_a_malformed_choice_is_told_in_a_sentence(client: Client, small: ModelVersion, choice: str) -> None:
    refused = post(client, uuid4(), choice=choice)
    assert refused.status_code == 400
    assert "at most 32 characters" in refused.content.decode()
    assert not Conversation.objects.exists()


def test_mallory_cannot_choose_for_alice(client: Client, mallory: User, small: ModelVersion) -> None:
    conversation = uuid4()
    post(client, conversation)
    client.force_login(mallory)
    assert post(client, conversation, choice="fast").status_code == 404
    answer = Message.objects.get(role="assistant")
    url = reverse("regenerate", args=[conversation, answer.id])
    assert client.post(url, {"choice": "fast"}).status_code == 404
    assert Conversation.objects.get().choice == ""


@pytest.mark.parametrize(
    "columns,byline",
    [
        ({"status": "complete", "completion_tokens": 7}, "Answered by scripted"),
        ({"status": "complete", "completion_tokens": 7, "fallback": True}, "scripted, because small did not answer"),
        ({"status": "complete", "is_cached": True}, "scripted, from the cache: same question, same sources"),
        ({"status": "complete"}, ""),
        ({"status": "stopped"}, "Answered by scripted"),
        ({"status": "interrupted"}, "Answered by scripted"),
        ({"status": "failed", "error_code": NO_MODEL}, ""),
        ({"status": "blocked"}, ""),
        ({"status": "answering"}, ""),
    ],
)
def test_the_byline_names_who_wrote_the_answer_and_nobody_else(
    alice: User, ask: Ask, scripted: ModelVersion, small: ModelVersion, columns: dict[str, Any], byline: str
) -> None:
    generation = ask(alice)
    fallback = small if columns.pop("fallback", False) else None
    Generation.objects.update(version=scripted, fallback_from=fallback, **columns)
    Message.objects.filter(id=generation.message_id).update(text="Text.")
    assert byline_of(Generation.objects.get()) == byline


def test_the_safe_answer_is_a_notice_with_a_way_on_and_stands_once(
    client: Client, alice: User, ask: Ask, scripted: ModelVersion
) -> None:
    generation = ask(alice)
    Generation.objects.update(status=Status.FAILED, error_code=NO_MODEL, version=scripted)
    Message.objects.filter(id=generation.message_id).update(text="Call <4711>.")
    page = client.get(reverse("conversation", args=[generation.message.conversation_id])).content.decode()
    assert page.count("Call &lt;4711&gt;.") == 1
    assert 'data-testid="retry"' in page
    assert 'data-testid="model-version"' not in page
