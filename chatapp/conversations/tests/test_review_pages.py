"""Report, appeal and notices as pages: for whom, with what said, and what happens to what is malformed."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation, Message, Status
from chatapp.conversations.rendering import render_turn
from chatapp.conversations.selectors import get_turn_for
from chatapp.conversations.services import post_message
from chatapp.conversations.services.generations import record_exchange
from chatapp.inference.models import ModelVersion
from chatapp.moderation.models import Flag, FlagSource, FlagStatus, Notice
from chatapp.moderation.services import notify_employee
from chatapp.moderation.texts import RETRACTED_TEXT

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def answer(user: User, status: Status = Status.COMPLETE, text: str = "It starts in May.") -> Generation:
    queued = post_message(user=user, text="When?", message_id=uuid4(), conversation_id=None)
    Generation.objects.filter(id=queued.id).update(status=status, finish_reason="stop")
    Message.objects.filter(id=queued.message_id).update(text=text)
    ended = Generation.objects.select_related("message__parent").get(id=queued.id)
    record_exchange(ended, answer=text, original="" if status == Status.COMPLETE else "Secret.")
    return ended


def url(name: str, generation: Generation) -> str:
    return reverse(name, args=[generation.message.conversation_id, generation.message_id])


@pytest.fixture
def page(alice: User, scripted: ModelVersion) -> Client:
    client = Client()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_report_says_thanks_and_shows_on_the_answer(page: Client, alice: User) -> None:
    generation = answer(alice)
    form = page.get(url("report_answer", generation), headers=HTMX).content.decode()
    assert 'data-testid="report-form"' in form
    assert "<html" not in form
    sent = page.post(url("report_answer", generation), {"reason": "unsafe", "text": "Why?"}, headers=HTMX)
    assert sent.status_code == 200
    assert "A reviewer looks at it" in sent.headers["HX-Trigger"]
    html = sent.content.decode()
    assert 'data-testid="report-state" tabindex="-1" data-asked' in html
    assert 'data-testid="report"' not in html
    assert Flag.objects.get().source == FlagSource.REPORT
    again = page.post(url("report_answer", generation), {"reason": "unsafe"}, headers=HTMX)
    assert again.status_code == 409


def test_without_htmx_forms_are_pages(page: Client, alice: User) -> None:
    generation, withheld = answer(alice), answer(alice, Status.BLOCKED)
    assert b"<html" in page.get(url("report_answer", generation)).content
    assert b"<html" in page.get(url("appeal_answer", withheld)).content
    for name, about, data in (
        ("report_answer", generation, {"reason": "wrong"}),
        ("appeal_answer", withheld, {"text": "Please."}),
    ):
        response = page.post(url(name, about), data)
        assert response.status_code == 302
        assert response.headers["Location"] == reverse("conversation", args=[about.message.conversation_id])


@pytest.mark.parametrize(
    "name, data",
    [
        ("report_answer", {}),
        ("report_answer", {"reason": "nonsense"}),
        ("report_answer", {"reason": "x" * 33}),
        ("report_answer", {"reason": "other", "text": " "}),
        ("report_answer", {"reason": "wrong", "text": "x" * 1001}),
        ("appeal_answer", {}),
        ("appeal_answer", {"text": "\0"}),
        ("appeal_answer", {"text": "x" * 1001}),
    ],
)
def test_what_is_malformed_is_a_sentence_and_leaves_nothing(
    page: Client, alice: User, name: str, data: dict[str, str]
) -> None:
    status = Status.COMPLETE if name == "report_answer" else Status.RETRACTED
    response = page.post(url(name, answer(alice, status)), data, headers=HTMX)
    assert response.status_code == 400
    assert not Flag.objects.exists()


@pytest.mark.parametrize("name", ["report_answer", "appeal_answer"])
def test_a_stranger_is_told_the_same_as_of_what_never_existed(
    page: Client, alice: User, mallory: User, name: str
) -> None:
    generation = answer(alice)
    stranger = Client()
    stranger.force_login(mallory, backend="django.contrib.auth.backends.ModelBackend")
    nowhere = reverse(name, args=[uuid4(), uuid4()])
    for method in ("get", "post"):
        theirs, none = (getattr(stranger, method)(at, headers=HTMX) for at in (url(name, generation), nowhere))
        assert (theirs.status_code, none.status_code) == (404, 404)
        assert theirs.content == none.content
    assert Client().post(url(name, generation)).status_code in {302, 401, 403}
    other = reverse(name, args=[answer(alice).message.conversation_id, generation.message_id])
    assert page.get(other).status_code == 404


def test_closing_a_form_shows_the_answer_as_it_was(page: Client, alice: User) -> None:
    generation = answer(alice)
    closed = page.get(url("report_answer", generation) + "?close", headers=HTMX).content.decode()
    assert closed == render_turn(get_turn_for(alice, generation.message_id), user=alice)


def test_a_temporary_chat_says_that_the_report_is_kept(page: Client, alice: User) -> None:
    generation = answer(alice)
    conversation = generation.message.conversation
    conversation.expires_at = timezone.now() + timedelta(hours=1)
    conversation.save()
    assert b"This chat is temporary" in page.get(url("report_answer", generation), headers=HTMX).content


@pytest.mark.parametrize(
    "status, said",
    [
        (FlagStatus.OPEN, "A reviewer looks at it"),
        (FlagStatus.UPHELD, "stays as it is"),
        (FlagStatus.DISMISSED, "granted"),
    ],
)
def test_an_appeal_shows_where_it_stands_and_another_revision(
    page: Client, alice: User, status: FlagStatus, said: str
) -> None:
    generation = answer(alice, Status.RETRACTED, RETRACTED_TEXT)
    before = render_turn(get_turn_for(alice, generation.message_id), user=alice)
    assert 'data-testid="appeal"' in before
    page.post(url("appeal_answer", generation), {"text": "Please."}, headers=HTMX)
    Flag.objects.update(status=status)
    html = render_turn(get_turn_for(alice, generation.message_id), user=alice)
    assert said in html
    assert 'data-testid="appeal"' not in html
    assert revision(html) != revision(before)


def revision(html: str) -> str:
    return html.partition('data-revision="')[2].partition('"')[0]


def test_notices_are_shown_until_they_are_read(page: Client, alice: User, mallory: User) -> None:
    generation = answer(alice)
    notice = notify_employee(user=alice, generation_id=generation.id, text="A reviewer agrees <b>with</b> you.")
    notify_employee(user=mallory, generation_id=generation.id, text="Of somebody else.")
    chat = page.get(reverse("chat")).content.decode()
    assert "A reviewer agrees &lt;b&gt;with&lt;/b&gt; you." in chat
    assert "Of somebody else." not in chat
    assert f"?leaf={generation.message_id}#message-{generation.message_id}" in chat
    assert b"data-new" in page.get(reverse("notices")).content
    left = page.post(reverse("read_notice", args=[notice.id]), headers=HTMX)
    assert (left.status_code, b'id="notices"' in left.content, b"new-notice" in left.content) == (200, True, False)
    new = page.get(reverse("new_notices"), headers=HTMX)
    assert (new.status_code, b'id="notices"' in new.content) == (200, True)
    assert b"new-notice" not in page.get(reverse("chat")).content
    listed = page.get(reverse("notices")).content
    assert b"A reviewer agrees" in listed
    assert b"data-new" not in listed


def test_a_notice_outlives_its_conversation_and_links_to_nothing(page: Client, alice: User) -> None:
    notify_employee(user=alice, generation_id=uuid4(), text="It is gone.")
    html = page.get(reverse("notices")).content.decode()
    assert "It is gone." in html
    assert "The conversation was deleted" in html


def test_nobody_reads_another_person_s_notice(page: Client, alice: User, mallory: User) -> None:
    theirs = notify_employee(user=mallory, generation_id=uuid4(), text="Theirs.")
    assert page.post(reverse("read_notice", args=[theirs.id])).status_code == 404
    assert page.post(reverse("read_notice", args=[uuid4()])).status_code == 404
    page.post(reverse("read_all_notices"))
    theirs.refresh_from_db()
    assert theirs.read_at is None
    assert b"No notices" in page.get(reverse("notices")).content


def test_notices_cost_the_same_however_many(page: Client, alice: User, django_assert_num_queries: Any) -> None:
    page.get(reverse("notices"))
    for number in range(1, 20):
        notify_employee(user=alice, generation_id=uuid4(), text=f"{number}")
    with django_assert_num_queries(4):
        page.get(reverse("notices"))
    assert Notice.objects.count() == 19
