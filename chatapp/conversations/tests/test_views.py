"""The pages as a browser asks for them: whole and as fragments, by their owner and by others."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.conversations.models import Conversation, Generation, Message, Status
from chatapp.conversations.tests.conftest import Ask
from chatapp.runtime.files import CHECKOUT

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def send(client: Client, text: str = "rate=2000 tokens=5", **fields: Any) -> Any:
    data = {"text": text, "message": uuid4(), "conversation": uuid4(), **fields}
    return client.post(reverse("post_message"), data, headers=HTMX)


def finish(generation: Generation, text: str = "An answer.", status: str = Status.COMPLETE) -> None:
    Generation.objects.filter(id=generation.id).update(status=status)
    Message.objects.filter(id=generation.message_id).update(text=text)


def urls_of(generation: Generation) -> dict[str, str]:
    """Every address that names somebody's conversation, message or generation."""
    answer = generation.message
    conversation = answer.conversation_id
    assert answer.parent is not None
    return {
        "conversation": reverse("conversation", args=[conversation]),
        "rename": reverse("rename_conversation", args=[conversation]),
        "delete": reverse("delete_conversation", args=[conversation]),
        "message": reverse("message", args=[conversation, answer.id]),
        "regenerate": reverse("regenerate", args=[conversation, answer.id]),
        "edit": reverse("edit_message", args=[conversation, answer.parent.id]),
        "stop": reverse("stop_generation", args=[generation.id]),
        "switch": reverse("switch_model", args=[generation.id]),
    }


def test_a_new_chat_offers_examples_and_an_id_for_its_conversation(alice: User) -> None:
    page = signed_in(alice).get("/")
    assert page.status_code == 200
    assert page.content.count(b"data-example=") == 4
    assert isinstance(page.context["conversation_id"], UUID)


def test_the_page_obeys_its_own_content_security_policy(alice: User) -> None:
    policy = signed_in(alice).get("/")["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_page_names_every_module_that_it_needs(alice: User) -> None:
    page = signed_in(alice).get("/").content.decode()
    needed, found = ["chat"], set[str]()
    while needed:
        found.add(name := needed.pop())
        source = (CHECKOUT / "static" / "js" / f"{name}.js").read_text()
        needed += set(re.findall(r'(?:import|from) "\./([\w-]+)\.js"', source)) - found
    assert set(re.findall(r'rel="modulepreload" href="/static/js/([\w-]+)\.js"', page)) == found


@pytest.mark.usefixtures("scripted")
def test_a_first_message_starts_the_conversation_and_moves_the_page_to_it(alice: User) -> None:
    conversation = uuid4()
    response = send(signed_in(alice), "What is new?", conversation=conversation)
    assert response["HX-Push-Url"] == reverse("conversation", args=[conversation])
    assert response["HX-Retarget"] == "#thread"
    html = response.content.decode()
    assert 'data-status="queued"' in html
    assert 'data-testid="queue-position"' in html
    assert "What is new?" in html
    assert f'id="conversation-{conversation}"' in html


@pytest.mark.usefixtures("scripted")
def test_a_further_message_adds_only_its_own_turns(alice: User) -> None:
    client, conversation = signed_in(alice), uuid4()
    send(client, "first question", conversation=conversation)
    generation = Generation.objects.get()
    finish(generation)
    response = send(client, "second question", conversation=conversation, leaf=generation.message_id)
    html = response.content.decode()
    assert "HX-Retarget" not in response
    assert html.count("<article") == 2
    assert html.count('hx-swap-oob="true"') == 2


@pytest.mark.usefixtures("scripted")
def test_a_page_that_is_behind_gets_the_whole_branch(alice: User) -> None:
    client, conversation = signed_in(alice), uuid4()
    send(client, "first question", conversation=conversation)
    finish(Generation.objects.get())
    response = send(client, "second question", conversation=conversation, leaf=uuid4())
    assert response["HX-Retarget"] == "#thread"
    assert response.content.decode().count("<article") == 4


@pytest.mark.usefixtures("scripted")
def test_the_same_message_twice_is_one_message(alice: User) -> None:
    client, conversation, message = signed_in(alice), uuid4(), uuid4()
    send(client, conversation=conversation, message=message)
    assert send(client, conversation=conversation, message=message).status_code == 200
    assert Generation.objects.count() == 1
    assert Conversation.objects.count() == 1


@pytest.mark.usefixtures("scripted")
def test_without_scripts_a_message_is_posted_and_the_conversation_shown(alice: User) -> None:
    conversation = uuid4()
    data = {"text": "plain", "message": uuid4(), "conversation": conversation}
    response = signed_in(alice).post(reverse("post_message"), data)
    assert response["Location"] == reverse("conversation", args=[conversation])


@pytest.mark.usefixtures("scripted")
@pytest.mark.parametrize(
    "fields, status, sentence",
    [
        ({"text": " \n "}, 400, "Write a message first."),
        ({"text": "x" * 100_000}, 413, "the limit is 32,000"),
        ({"message": "no-id"}, 400, "message:"),
        ({"message": ""}, 400, "the message has no id"),
        ({"conversation": "no-id"}, 400, "conversation:"),
        ({"leaf": "no-id"}, 400, "leaf:"),
    ],
)
def test_a_bad_message_is_refused_in_a_sentence(
    alice: User, fields: dict[str, str], status: int, sentence: str
) -> None:
    response = send(signed_in(alice), **{"text": "hello", **fields})
    assert response.status_code == status
    assert sentence in response.content.decode()
    assert 'role="alert"' in response.content.decode()
    assert Message.objects.count() == 0


def test_the_conversation_is_shown_with_its_texts_escaped(alice: User, ask: Ask) -> None:
    finish(ask(alice, "<script>alert(1)</script>"), "<img src=x onerror=alert(1)> **bold**")
    html = signed_in(alice).get(urls_of(Generation.objects.get())["conversation"]).content.decode()
    assert "<script>alert" not in html
    assert "<img" not in html
    assert "<strong>bold</strong>" in html


def test_a_page_costs_the_same_queries_for_one_turn_and_for_many(
    alice: User, ask: Ask, django_assert_max_num_queries: Any
) -> None:
    conversation = uuid4()
    for number in range(6):
        finish(ask(alice, f"question {number}", conversation))
    client = signed_in(alice)
    with django_assert_max_num_queries(11):
        page = client.get(reverse("conversation", args=[conversation]))
    assert page.content.count(b'data-testid="message-assistant"') == 6


def test_one_message_alone_is_what_a_poll_gets(alice: User, ask: Ask) -> None:
    generation = ask(alice)
    html = signed_in(alice).get(urls_of(generation)["message"], headers=HTMX).content.decode()
    assert html.lstrip().startswith(f'<article class="turn answer" id="message-{generation.message_id}"')


def test_regenerate_shows_the_new_answer_beside_the_old(alice: User, ask: Ask) -> None:
    generation = ask(alice)
    finish(generation, "the old answer")
    html = signed_in(alice).post(urls_of(generation)["regenerate"], headers=HTMX).content.decode()
    assert "2/2" in html
    assert "the old answer" not in html
    assert f"?leaf={generation.message_id}" in html


def test_a_branch_is_shown_by_its_leaf(alice: User, ask: Ask) -> None:
    generation = ask(alice)
    finish(generation, "the old answer")
    client = signed_in(alice)
    client.post(urls_of(generation)["regenerate"], headers=HTMX)
    url = urls_of(generation)["conversation"]
    assert "the old answer" not in client.get(url).content.decode()
    assert "the old answer" in client.get(url, {"leaf": str(generation.message_id)}).content.decode()
    assert client.get(url, {"leaf": "no-id"}).status_code == 400


def test_editing_asks_again_on_a_branch_of_its_own(alice: User, ask: Ask) -> None:
    generation = ask(alice, "the first wording")
    finish(generation)
    client, url = signed_in(alice), urls_of(generation)["edit"]
    assert "the first wording" in client.get(url, headers=HTMX).content.decode()
    html = client.post(url, {"text": "the second wording", "message": uuid4()}, headers=HTMX).content.decode()
    assert "the second wording" in html
    assert "the first wording" not in html


def test_stop_without_a_socket(alice: User, ask: Ask) -> None:
    generation = ask(alice)
    assert signed_in(alice).post(urls_of(generation)["stop"]).status_code == 204
    generation.refresh_from_db()
    assert generation.status == Status.STOPPED


def test_a_follow_up_is_added_below_a_running_answer_and_says_what_it_waits_for(alice: User, ask: Ask) -> None:
    first = ask(alice)
    Generation.objects.filter(id=first.id).update(status=Status.ANSWERING)
    fields = {"conversation": first.message.conversation_id, "leaf": first.message_id}
    html = send(signed_in(alice), "and then?", **fields).content.decode()
    assert html.count("<article") == 2
    assert "Answered after the one above" in html
    assert 'data-testid="cancel-queued"' in html


def test_the_button_of_the_smaller_model_is_there_and_refuses_in_a_sentence_when_none_is_free(
    alice: User, ask: Ask
) -> None:
    generation = ask(alice)
    client, urls = signed_in(alice), urls_of(generation)
    assert urls["switch"] in client.get(urls["message"]).content.decode()
    refused = client.post(urls["switch"], headers=HTMX)
    assert refused.status_code == 409
    assert b'data-code="no_faster_model"' in refused.content
    finish(generation)
    assert b'data-code="not_waiting"' in client.post(urls["switch"], headers=HTMX).content


def test_the_smaller_model_answers_when_asked_to(alice: User, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    generation = ask(alice)
    asked: list[Any] = []
    monkeypatch.setattr("chatapp.conversations.services.switch_model", lambda **given: asked.append(given))
    assert signed_in(alice).post(urls_of(generation)["switch"], headers=HTMX).status_code == 204
    assert asked == [{"user": alice, "generation_id": generation.id}]


def test_rename_and_its_limits(alice: User, ask: Ask) -> None:
    client, url = signed_in(alice), urls_of(ask(alice))["rename"]
    assert b'name="title"' in client.get(url, headers=HTMX).content
    assert "Holiday &lt;b&gt;" in client.post(url, {"title": "Holiday <b>"}, headers=HTMX).content.decode()
    assert client.post(url, {"title": " "}, headers=HTMX).status_code == 400
    assert client.post(url, {"title": "x" * 201}, headers=HTMX).status_code == 400
    assert Conversation.objects.get().title == "Holiday <b>"


def test_deleting_the_conversation_on_the_page_leads_to_a_new_chat(alice: User, ask: Ask) -> None:
    urls = urls_of(ask(alice))
    here = {**HTMX, "HX-Current-URL": f"http://testserver{urls['conversation']}"}
    assert signed_in(alice).post(urls["delete"], headers=here)["HX-Redirect"] == "/"
    assert not Conversation.objects.exists()


def test_deleting_another_conversation_leaves_the_page(alice: User, ask: Ask) -> None:
    kept, gone = ask(alice, "keep me"), ask(alice, "delete me")
    here = {**HTMX, "HX-Current-URL": f"http://testserver{urls_of(kept)['conversation']}"}
    html = signed_in(alice).post(urls_of(gone)["delete"], headers=here).content.decode()
    assert "keep me" in html
    assert 'aria-current="page"' in html
    assert "delete me" not in html


@pytest.mark.parametrize(
    "name", ["conversation", "rename", "delete", "message", "regenerate", "edit", "stop", "switch"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_colleague_is_told_the_same_as_for_what_never_existed(
    alice: User, mallory: User, ask: Ask, name: str, method: str
) -> None:
    generation = ask(alice, "for alice only")
    url = urls_of(generation)[name]
    data = {"text": "mine now", "message": str(uuid4()), "title": "mine now"}
    client = signed_in(mallory)
    answer = getattr(client, method)(url, data, headers=HTMX)
    never = getattr(client, method)(_with_fresh_ids(url), data, headers=HTMX)
    assert answer.status_code in {404, 405}
    assert (answer.status_code, answer.content) == (never.status_code, never.content)
    assert Message.objects.count() == 2
    assert Conversation.objects.get().title == "for alice only"


def _with_fresh_ids(url: str) -> str:
    parts = [str(uuid4()) if len(part) == 36 else part for part in url.split("/")]
    return "/".join(parts)


def test_a_colleague_cannot_post_into_the_conversation(alice: User, mallory: User, ask: Ask) -> None:
    conversation = ask(alice).message.conversation_id
    assert send(signed_in(mallory), "hello", conversation=conversation).status_code == 404
    assert Message.objects.count() == 2


def test_an_own_message_is_not_found_under_another_conversation(alice: User, ask: Ask) -> None:
    one, other = ask(alice), ask(alice)
    url = reverse("message", args=[other.message.conversation_id, one.message_id])
    assert signed_in(alice).get(url).status_code == 404


def test_the_list_holds_only_own_conversations(alice: User, mallory: User, ask: Ask) -> None:
    ask(alice, "for alice only")
    assert b"for alice only" in signed_in(alice).get(reverse("conversations")).content
    assert b"for alice only" not in signed_in(mallory).get(reverse("conversations")).content


def test_older_conversations_are_listed_on_demand(
    alice: User, mallory: User, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatapp.conversations.views.LISTED_CONVERSATIONS", 2)
    for title in ("first", "second", "third", "fourth", "fifth"):
        ask(alice, title)
    client, url, seen = signed_in(alice), reverse("conversations"), []
    while url:
        html = client.get(url, headers=HTMX).content.decode()
        seen.append(re.findall(r'title="(\w+)"', html))
        assert html.count("<h2") == (len(seen) == 1)  # They are all of today.
        older = re.search(r'hx-get="([^"]+before[^"]+)"', html)
        assert b"first" not in signed_in(mallory).get(url).content
        url = older[1] if older else ""
    assert seen == [["fifth", "fourth"], ["third", "second"], ["first"]]


@pytest.mark.parametrize("before", ["yesterday", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", "%00"])
def test_the_list_before_no_time_is_empty_or_refused(alice: User, before: str) -> None:
    answer = signed_in(alice).get(f"{reverse('conversations')}?before={before.replace('+', '%2B')}")
    assert answer.status_code in {200, 400}


def test_an_error_is_a_page_for_a_browser_and_a_fragment_for_htmx(alice: User) -> None:
    client, url = signed_in(alice), reverse("conversation", args=[uuid4()])
    page, fragment = client.get(url), client.get(url, headers=HTMX)
    assert b"<html" in page.content
    assert b"<html" not in fragment.content
    assert b'data-code="not_found"' in page.content
    assert b'data-code="not_found"' in fragment.content
