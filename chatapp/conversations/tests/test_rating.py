"""Thumbs on answers: who may give them, what is kept, and what a page shows of them."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Conversation, Generation, Status
from chatapp.conversations.selectors import get_thread_for
from chatapp.conversations.services import FinishedAnswer, rate_answer, withdraw_rating
from chatapp.conversations.tests.conftest import Ask
from chatapp.errors import ChatappError
from chatapp.inference.models import AnswerOutcome
from chatapp.moderation.metrics import FEEDBACK
from chatapp.moderation.models import Exchange, Feedback, FeedbackStatus
from chatapp.privacy.models import HoldScope, LegalHold

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def finish(generation: Generation, status: Status = Status.COMPLETE, text: str = "Because.") -> Generation:
    """Ends it as a worker does."""
    Generation.objects.filter(id=generation.id).update(status=Status.ANSWERING, attempt=1, claimed_at=timezone.now())
    generation.refresh_from_db()
    assert services.finish_generation(generation, FinishedAnswer(status=status, text=text))
    services.record_aftermath(generation.id)
    generation.refresh_from_db()
    return generation


@pytest.fixture
def answer(alice: User, ask: Ask) -> Generation:
    return finish(ask(alice, "Why?"))


def thumb(answer: Generation) -> int:
    return AnswerOutcome.objects.get(generation_id=answer.id).thumb


def press(client: Client, answer: Generation, rating: str, **fields: Any) -> Any:
    return client.post(reverse("rate", args=[answer.id]), {"rating": rating, **fields}, headers=HTMX)


def test_a_thumb_is_given_changed_and_taken_back(alice: User, answer: Generation) -> None:
    feedback, is_new = rate_answer(user=alice, generation_id=answer.id, is_positive=True)
    assert (is_new, thumb(answer)) == (True, 1)
    changed, is_new = rate_answer(
        user=alice, generation_id=answer.id, is_positive=False, reasons=["other", "wrong", "wrong"], text=" No\0pe\r\n"
    )
    assert (changed.id, is_new, thumb(answer)) == (feedback.id, False, -1)
    assert (changed.reasons, changed.text) == (["wrong", "other"], "Nope")
    withdraw_rating(user=alice, generation_id=answer.id)
    withdraw_rating(user=alice, generation_id=answer.id)
    assert (Feedback.objects.count(), thumb(answer)) == (0, 0)


def test_triage_looks_again_at_what_was_changed_and_only_then(alice: User, answer: Generation) -> None:
    rate_answer(user=alice, generation_id=answer.id, is_positive=False, reasons=["wrong"])
    Feedback.objects.update(status=FeedbackStatus.DONE, reply="We have corrected it.")
    rate_answer(user=alice, generation_id=answer.id, is_positive=False, reasons=["wrong"])
    assert Feedback.objects.get().status == FeedbackStatus.DONE
    rate_answer(user=alice, generation_id=answer.id, is_positive=False, reasons=["outdated"])
    again = Feedback.objects.get()
    assert (again.status, again.reply) == (FeedbackStatus.NEW, "We have corrected it.")


def test_a_thumb_that_was_quicker_than_the_outcome_is_in_it(alice: User, answer: Generation) -> None:
    AnswerOutcome.objects.all().delete()
    rate_answer(user=alice, generation_id=answer.id, is_positive=False)
    services.record_aftermath(answer.id)
    assert thumb(answer) == -1


def test_thumbs_are_counted_once_they_stand(
    alice: User, answer: Generation, django_capture_on_commit_callbacks: Any
) -> None:
    def counted() -> tuple[float, float]:
        return FEEDBACK.labels(rating="up")._value.get(), FEEDBACK.labels(rating="down")._value.get()

    up, down = counted()
    with django_capture_on_commit_callbacks(execute=True):
        for is_positive, text in ((True, ""), (True, "Nice."), (False, ""), (False, "")):
            rate_answer(user=alice, generation_id=answer.id, is_positive=is_positive, text=text)
        assert counted() == (up, down)
    assert counted() == (up + 1, down + 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"is_positive": False, "reasons": ["ugly"]},
        {"is_positive": True, "reasons": ["wrong"]},
        {"is_positive": False, "text": "x" * 2001},
    ],
)
def test_what_is_malformed_is_refused_and_keeps_what_there_was(
    alice: User, answer: Generation, fields: dict[str, Any]
) -> None:
    rate_answer(user=alice, generation_id=answer.id, is_positive=True)
    with pytest.raises(ChatappError, match="could not be understood"):
        rate_answer(user=alice, generation_id=answer.id, **fields)
    assert (Feedback.objects.get().is_positive, thumb(answer)) == (True, 1)


def test_only_an_answer_that_was_read_can_be_rated(alice: User, ask: Ask) -> None:
    live = ask(alice)
    with pytest.raises(ChatappError, match="still being answered"):
        rate_answer(user=alice, generation_id=live.id, is_positive=True)
    finish(live, Status.BLOCKED)
    with pytest.raises(ChatappError, match="nothing to rate"):
        rate_answer(user=alice, generation_id=live.id, is_positive=True)
    assert not get_thread_for(alice, live.message.conversation_id)[-1].may_rate


def test_a_temporary_chat_leaves_no_thumb(alice: User, answer: Generation) -> None:
    Conversation.objects.update(expires_at=timezone.now())
    with pytest.raises(ChatappError, match="leaves no trace"):
        rate_answer(user=alice, generation_id=answer.id, is_positive=True)
    assert not get_thread_for(alice, answer.message.conversation_id)[-1].may_rate


def test_an_answer_whose_exchange_is_gone_shows_no_thumbs(alice: User, answer: Generation) -> None:
    Exchange.objects.all().delete()
    assert not get_thread_for(alice, answer.message.conversation_id)[-1].may_rate
    with pytest.raises(ChatappError, match="nothing here"):
        rate_answer(user=alice, generation_id=answer.id, is_positive=True)


@pytest.mark.parametrize("name", ["mallory", "mona", "ada"])
def test_a07_another_persons_answer_is_as_good_as_none(name: str, answer: Generation, request: Any) -> None:
    client = Client()
    client.force_login(request.getfixturevalue(name), backend="django.contrib.auth.backends.ModelBackend")
    for form in ({"rating": "up"}, {"rating": "none"}, {"rating": "nonsense"}, {}):
        theirs = client.post(reverse("rate", args=[answer.id]), form, headers=HTMX)
        never = client.post(reverse("rate", args=[uuid4()]), form, headers=HTMX)
        assert (theirs.status_code, theirs.content) == (404, never.content)
    assert client.get(reverse("rate", args=[answer.id])).status_code == 404
    assert not Feedback.objects.exists()


def test_who_is_not_signed_in_signs_in_first(client: Client, answer: Generation) -> None:
    assert client.post(reverse("rate", args=[answer.id]), {"rating": "up"}).status_code == 302
    assert not Feedback.objects.exists()


def test_a_thumb_down_opens_the_form_that_asks_why(alice: User, client: Client, answer: Generation) -> None:
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    response = press(client, answer, "down")
    html = response.content.decode()
    assert 'data-testid="rating-form"' in html
    assert "HX-Trigger" not in response
    response = press(client, answer, "down", reasons=["wrong", "unsafe"], text="It is <b>10</b>.", details="1")
    assert json.loads(response["HX-Trigger"])["toast"]["text"].startswith("Thank you")
    assert 'data-testid="rating-form"' not in response.content.decode()
    assert Feedback.objects.get().reasons == ["wrong", "unsafe"]
    reopened = client.get(reverse("rate", args=[answer.id]), headers=HTMX).content.decode()
    assert "It is &lt;b&gt;10&lt;/b&gt;." in reopened
    assert reopened.count("checked") == 2
    page = client.get(reverse("conversation", args=[answer.message.conversation_id])).content.decode()
    assert page.count('aria-pressed="true" aria-label="Bad answer"') == 1
    assert "rating-form" not in page
    response = press(client, answer, "none")
    assert not Feedback.objects.exists()
    assert 'aria-pressed="true"' not in response.content.decode()


def test_thumbs_work_without_htmx(alice: User, answer: Generation) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    conversation = reverse("conversation", args=[answer.message.conversation_id])
    page = client.get(conversation).content.decode()
    assert f'form="plain-rating" formaction="{reverse("rate", args=[answer.id])}"' in page
    token = page.split('id="plain-rating"')[1].split('value="')[1].split('"')[0]
    url = reverse("rate", args=[answer.id])
    assert client.post(url, {"rating": "up"}).status_code == 403
    down = client.post(url, {"rating": "down", "csrfmiddlewaretoken": token})
    assert (down.status_code, "<h1>Feedback on an answer</h1>" in down.content.decode()) == (200, True)
    sent = client.post(url, {"rating": "down", "details": "1", "reasons": "other", "csrfmiddlewaretoken": token})
    assert (sent.status_code, sent["Location"]) == (302, conversation)
    assert Feedback.objects.get().reasons == ["other"]


def test_thumbs_of_a_thread_cost_the_same_however_long(
    alice: User, ask: Ask, django_assert_max_num_queries: Any
) -> None:
    first = finish(ask(alice, "One?"))
    conversation = first.message.conversation_id
    with django_assert_max_num_queries(10) as few:
        get_thread_for(alice, conversation)
    for text in ("Two?", "Three?"):
        rated = finish(ask(alice, text, conversation))
        rate_answer(user=alice, generation_id=rated.id, is_positive=False)
    with django_assert_max_num_queries(len(few.captured_queries)):
        turns = get_thread_for(alice, conversation)
    assert [turn.is_liked for turn in turns if turn.may_rate] == [None, False, False]


def test_a_legal_hold_keeps_what_is_taken_back(alice: User, answer: Generation) -> None:
    rate_answer(user=alice, generation_id=answer.id, is_positive=False, text="Bad.")
    LegalHold.objects.create(scope=HoldScope.EVERYONE, reason="case 1")
    withdraw_rating(user=alice, generation_id=answer.id)
    kept = Feedback.objects.get()
    assert (kept.text, kept.status, thumb(answer)) == ("Bad.", FeedbackStatus.WITHDRAWN, 0)
    assert get_thread_for(alice, answer.message.conversation_id)[-1].is_liked is None
    assert rate_answer(user=alice, generation_id=answer.id, is_positive=True)[1]
