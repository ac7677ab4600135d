"""Triage of feedback: who may, what they see of others' words, and what each step leaves behind."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, User
from chatapp.conversations import services as conversations
from chatapp.conversations.models import Conversation, Generation, Message, Priority, Source, Status
from chatapp.conversations.selectors import list_conversations_for
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.moderation.models import Exchange, Feedback, FeedbackStatus, Notice, Rerun
from chatapp.moderation.services import give_feedback, record_exchange, take_back_feedback
from chatapp.retrieval.models import Document, DocumentVersion, GoldenQuestion
from chatapp.retrieval.services import create_collection
from tests.people import make_person

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
HTMX = {"HX-Request": "true"}
CARD = "4111 1111 1111 1111"
LIST = "/console/feedback/"


@pytest.fixture
def scripted(db: None, settings: Any) -> ModelVersion:
    settings.SCRIPTED_MODEL = True
    version = ModelVersion.objects.create(
        name="scripted", provider=Provider.SCRIPTED, context_tokens=4096, state="evaluated"
    )
    Route.objects.create(name=Route.DEFAULT, version=version)
    return version


def exchange_of(user: User, **changes: Any) -> Exchange:
    fields: dict[str, Any] = {
        "generation_id": uuid4(),
        "user": user,
        "question": f"Who has the card {CARD}?",
        "answer": f"Maria Huber has {CARD}.",
        "sources": [{"n": 1, "document": "cards.md", "page": 2}],
        "route": "default",
        "model_version": "small",
        "policy_version": "company@1",
        "findings": [],
    }
    return record_exchange(**{**fields, **changes})


def rate(exchange: Exchange, *, up: bool = False, text: str = "", reasons: tuple[str, ...] = ()) -> Feedback:
    assert exchange.user is not None
    return give_feedback(user=exchange.user, generation_id=exchange.pk, is_positive=up, reasons=reasons, text=text)[0]


@pytest.fixture
def feedback(alice: User) -> Feedback:
    return rate(exchange_of(alice), text=f"It is not {CARD}.", reasons=("wrong",))


def url(name: str, feedback: Feedback) -> str:
    return reverse(f"console_feedback_{name}", args=[feedback.pk])


def audit(action: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=f"moderation.{action}"))


PAGES = ["one", "reruns"]
STEPS = ["unmask", "status", "note", "reply", "rerun", "keep"]


@pytest.mark.parametrize("name", ["mallory", "alice"])
def test_a07_for_others_there_is_no_triage(name: str, feedback: Feedback, client_of: SignIn) -> None:
    client = client_of(name)
    assert client.get(LIST).status_code == 404
    assert client.post(f"{LIST}export/", {"purpose": "x"}).status_code == 404
    for page in PAGES:
        assert client.get(url(page, feedback)).status_code == 404
    for step in STEPS:
        assert client.post(url(step, feedback)).status_code == 404
    assert not AuditEvent.objects.filter(action__startswith="moderation.feedback").exists()
    assert Client().get(LIST).status_code == 302


@pytest.mark.parametrize("name", ["mona", "oscar", "ada"])
def test_what_is_new_and_points_down_is_listed_masked_and_noted(
    name: str, alice: User, feedback: Feedback, client_of: SignIn
) -> None:
    rate(exchange_of(alice), up=True)
    html = client_of(name).get(LIST).content.decode()
    assert html.count('data-testid="feedback-row"') == 1
    assert "It is not [CARD]." in html
    assert CARD not in html
    assert [event.detail for event in audit("feedback_listed")] == [{"feedback": [str(feedback.pk)]}]


@pytest.mark.parametrize(
    "query, found",
    [
        ("status=", 3),
        ("rating=up", 1),
        ("reason=wrong", 1),
        ("reason=outdated", 0),
        ("version=big", 1),
        ("route=other", 1),
        ("status=done", 0),
        ("since=2100-01-01", 0),
        ("since=2020-01-01&rating=down", 2),
    ],
)
def test_the_list_is_narrowed(query: str, found: int, alice: User, feedback: Feedback, client_of: SignIn) -> None:
    rate(exchange_of(alice, model_version="big"), up=True)
    rate(exchange_of(alice, route="other"))
    html = client_of("mona").get(f"{LIST}?{query}").content.decode()
    assert html.count('data-testid="feedback-row"') == found


@pytest.mark.parametrize(
    "query", ["status=odd", "rating=sideways", "reason=ugly", "since=2026-02-31", "since=soon", "version=%00"]
)
def test_a_malformed_filter_is_explained(query: str, feedback: Feedback, client_of: SignIn) -> None:
    response = client_of("mona").get(f"{LIST}?{query}")
    assert (response.status_code, "could not be understood" in response.content.decode()) == (400, True)


def test_a_list_costs_the_same_however_long(
    alice: User, feedback: Feedback, client_of: SignIn, django_assert_max_num_queries: Any
) -> None:
    client = client_of("mona")
    client.get(LIST)
    with django_assert_max_num_queries(40) as few:
        client.get(LIST)
    for _ in range(8):
        rate(exchange_of(alice))
    with django_assert_max_num_queries(len(few.captured_queries)):
        assert client.get(LIST).content.decode().count('data-testid="feedback-row"') == 9


def test_the_list_goes_on_below(alice: User, client_of: SignIn) -> None:
    for _ in range(32):
        rate(exchange_of(alice))
    client = client_of("mona")
    html = client.get(f"{LIST}?rating=down").content.decode()
    more = html.split('hx-get="')[-1].split('"')[0].replace("&amp;", "&")
    rest = client.get(f"{LIST}{more}", headers=HTMX).content.decode()
    assert (html.count("feedback-row"), rest.count("feedback-row")) == (30, 2)
    assert client.get(f"{LIST}?cursor=nonsense").status_code == 400


def test_one_feedback_shows_question_answer_sources_and_version_masked(feedback: Feedback, client_of: SignIn) -> None:
    Exchange.objects.update(personal={"question": [], "answer": [[0, 11, "PERSON"], [90, 99, "PERSON"]]})
    html = client_of("mona").get(url("one", feedback)).content.decode()
    for shown in ("Who has the card [CARD]?", "[PERSON] has [CARD].", "cards.md, page 2", "small", "company@1"):
        assert shown in html
    assert CARD not in html
    assert "The employee has deleted this conversation" in html
    assert [event.object_id for event in audit("feedback_read")] == [str(feedback.pk)]


def test_personal_data_is_shown_once_with_a_reason(feedback: Feedback, client_of: SignIn) -> None:
    assert client_of("oscar").post(url("unmask", feedback), {"reason": "curious"}).status_code == 403
    client = client_of("mona")
    assert client.post(url("unmask", feedback), {"reason": " "}).status_code == 400
    assert f"Maria Huber has {CARD}." in client.post(url("unmask", feedback), {"reason": "A case"}).content.decode()
    assert CARD not in client.get(url("one", feedback)).content.decode()
    assert [(event.actor_name, event.reason) for event in audit("feedback_unmasked")] == [("mona", "A case")]


def test_it_is_acknowledged_noted_answered_and_done(alice: User, feedback: Feedback, client_of: SignIn) -> None:
    client = client_of("mona")
    row = client.post(url("status", feedback), {"status": "acknowledged", "row": "1"}, headers=HTMX).content.decode()
    assert 'data-status="acknowledged"' in row
    assert "Acknowledged by mona" in row
    client.post(url("note", feedback), {"note": "Old price list."}, headers=HTMX)
    said = client.post(url("reply", feedback), {"reply": " It was outdated; we have replaced it. "}, headers=HTMX)
    assert 'data-status="answered"' in said.content.decode()
    notice = Notice.objects.get()
    assert (notice.user, notice.generation_id) == (alice, feedback.exchange_id)
    assert notice.text == "It was outdated; we have replaced it."
    client.post(url("status", feedback), {"status": "acknowledged"})
    feedback.refresh_from_db()
    assert (feedback.status, feedback.note) == (FeedbackStatus.ANSWERED, "Old price list.")
    assert client.post(url("status", feedback), {"status": "done"}, headers=HTMX).status_code == 200
    refused = client.post(url("status", feedback), {"status": "acknowledged"}, headers=HTMX)
    assert (refused.status_code, "is done already" in refused.content.decode()) == (409, True)
    steps = ("acknowledged", "noted", "answered", "done")
    assert [len(audit(f"feedback_{step}")) for step in steps] == [1, 1, 1, 1]
    assert "price" not in json.dumps([[event.detail, event.after] for event in AuditEvent.objects.all()])


@pytest.mark.parametrize(
    "step, form",
    [
        ("status", {"status": "new"}),
        ("status", {}),
        ("reply", {"reply": " "}),
        ("reply", {"reply": "x" * 2001}),
        ("note", {"note": "x" * 2001}),
    ],
)
def test_what_is_malformed_changes_nothing(
    step: str, form: dict[str, str], feedback: Feedback, client_of: SignIn
) -> None:
    response = client_of("mona").post(url(step, feedback), form, headers=HTMX)
    assert (response.status_code, "could not be understood" in response.content.decode()) == (400, True)
    feedback.refresh_from_db()
    assert (feedback.status, feedback.note, feedback.reply, Notice.objects.count()) == ("new", "", "", 0)


def test_what_was_taken_back_is_gone_and_under_a_hold_out_of_the_list(
    alice: User, feedback: Feedback, client_of: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of("mona")
    monkeypatch.setattr("chatapp.moderation.services.feedback.covers_person", lambda _: True)
    assert take_back_feedback(user=alice, generation_id=feedback.exchange_id)
    assert "feedback-row" not in client.get(f"{LIST}?rating=down").content.decode()
    assert client.post(url("status", feedback), {"status": "done"}, headers=HTMX).status_code == 409
    monkeypatch.undo()
    rate(feedback.exchange)
    take_back_feedback(user=alice, generation_id=feedback.exchange_id)
    assert client.get(url("one", feedback)).status_code == 404


def test_nobody_writes_to_a_closed_account(alice: User, feedback: Feedback, client_of: SignIn) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    client = client_of("mona")
    assert client.post(url("reply", feedback), {"reply": "Hello"}, headers=HTMX).status_code == 400
    assert "This account is closed" in client.get(url("one", feedback)).content.decode()


def finish(generation: Generation, text: str) -> None:
    Generation.objects.filter(id=generation.id).update(status=Status.ANSWERING, attempt=1, claimed_at=timezone.now())
    generation.refresh_from_db()
    finished = conversations.FinishedAnswer(status=Status.COMPLETE, text=text)
    assert conversations.finish_generation(generation, finished)


def test_a_question_is_asked_again_beside_the_old_answer(
    scripted: ModelVersion, feedback: Feedback, client_of: SignIn
) -> None:
    mona = client_of("mona")
    html = mona.post(url("rerun", feedback), {"version": "scripted"}, headers=HTMX).content.decode()
    assert 'data-testid="rerun" data-status="queued"' in html
    assert "data-poll" in html
    generation = Generation.objects.select_related("message__parent", "message__conversation", "user").get()
    asked = generation.message.parent
    assert asked is not None
    assert asked.text == "Who has the card [CARD]?"
    assert (generation.priority, generation.version, generation.is_pinned) == (Priority.BATCH, scripted, True)
    assert (generation.user.username, list_conversations_for(generation.user).count()) == ("mona", 0)
    assert generation.message.conversation.is_temporary
    finish(generation, "Nobody has it.")
    shown = mona.get(url("reruns", feedback), headers=HTMX).content.decode()
    assert "Nobody has it." in shown
    assert "data-poll" not in shown
    assert "Nobody has it." not in client_of("oscar").get(url("one", feedback)).content.decode()
    Conversation.objects.all().delete()
    assert "a re-run is kept for a week" in mona.get(url("one", feedback)).content.decode()
    assert [event.detail["version"] for event in audit("feedback_rerun")] == ["scripted"]


def test_a_version_that_is_none_is_refused(scripted: ModelVersion, feedback: Feedback, client_of: SignIn) -> None:
    response = client_of("mona").post(url("rerun", feedback), {"version": "other"}, headers=HTMX)
    assert (response.status_code, "no model version named other" in response.content.decode()) == (404, True)
    assert not Rerun.objects.exists()


def test_an_erasure_takes_others_reruns_of_the_persons_questions(
    alice: User, scripted: ModelVersion, feedback: Feedback
) -> None:
    conversations.rerun_question(user=make_person("mona"), feedback_id=feedback.pk, version="scripted")
    assert conversations.remove_reruns_of(person=alice) == 1
    assert not Conversation.objects.exists()


@pytest.fixture
def rated(alice: User, scripted: ModelVersion) -> Feedback:
    """Of an answer in a conversation, which cites a handbook that alice and ada may edit."""
    asked = conversations.post_message(user=alice, text="How many days?", message_id=uuid4(), conversation_id=None)
    collection = create_collection(
        user=make_person("ada"), slug="handbook", name="Handbook", groups={"engineering": "editor"}
    )
    document = Document.objects.create(collection=collection, name="holiday.md")
    version = DocumentVersion.objects.create(document=document, number=1, size=1, media_type="text/plain")
    Source.objects.create(
        message_id=asked.message_id,
        n=1,
        document_version=version,
        document_name=document.name,
        quote="You receive 28 days of holiday per year.",
        cited=True,
    )
    finish(asked, "You get 28 days [1].")
    return conversations.rate_answer(user=alice, generation_id=asked.id, is_positive=False)[0]


def test_it_becomes_a_golden_question_where_the_triager_may_edit(rated: Feedback, client_of: SignIn) -> None:
    mona = client_of("mona")
    assert "cites no collection that you may edit" in mona.get(url("one", rated)).content.decode()
    assert mona.post(url("keep", rated), {"text": "How many?"}, headers=HTMX).status_code == 409
    ada = client_of("ada")
    assert 'data-testid="feedback-keep"' in ada.get(url("one", rated)).content.decode()
    assert ada.post(url("keep", rated), {"text": " "}, headers=HTMX).status_code == 400
    assert ada.post(url("keep", rated), {"text": "How many days of holiday?"}, headers=HTMX).status_code == 200
    question = GoldenQuestion.objects.get()
    assert (question.text, question.created_by) == ("How many days of holiday?", User.objects.get(username="ada"))
    assert question.sources == [{"document": "holiday.md", "quote": "You receive 28 days of holiday per year."}]
    assert [event.detail for event in audit("feedback_kept")] == [{"collections": ["handbook"]}]
    Message.objects.all().delete()
    gone = ada.post(url("keep", rated), {"text": "How many?"}, headers=HTMX)
    assert (gone.status_code, "has deleted this conversation" in gone.content.decode()) == (409, True)


def download(user: User, form: dict[str, str]) -> list[dict[str, Any]]:
    async def read() -> bytes:
        client = AsyncClient()
        await client.aforce_login(user, backend="django.contrib.auth.backends.ModelBackend")
        response: Any = await client.post(f"{LIST}export/", form)
        assert response.status_code == 200, response.content
        assert response["Content-Disposition"].startswith('attachment; filename="feedback-')
        return b"".join([part async for part in response.streaming_content])

    return [json.loads(line) for line in asyncio.run(read()).splitlines()]


@pytest.mark.django_db(transaction=True)
def test_an_export_is_masked_leaves_out_what_nobody_searched_and_is_noted(
    alice: User, feedback: Feedback, client_of: SignIn
) -> None:
    Exchange.objects.update(personal={"question": [], "answer": [[0, 11, "PERSON"]]})
    rate(exchange_of(alice))
    rate(exchange_of(alice), up=True)
    taken_back = rate(exchange_of(alice))
    Exchange.objects.filter(pk=taken_back.exchange_id).update(personal={}, original="What a reviewer took back.")
    assert client_of("mona").post(f"{LIST}export/", {"purpose": "x"}).status_code == 403
    client = client_of("oscar")
    assert client.post(f"{LIST}export/", {"purpose": " "}).status_code == 400
    page = client.get(f"{LIST}?rating=down").content.decode()
    assert "1 question and answer of this search" in page
    assert "1 more is left out" in page
    operator = User.objects.get(username="oscar")
    (example,) = download(operator, {"purpose": "Fine-tuning", "rating": "down", "reason": "wrong"})
    assert example["messages"] == [
        {"role": "user", "content": "Who has the card [CARD]?"},
        {"role": "assistant", "content": "[PERSON] has [CARD]."},
    ]
    assert (example["rating"], example["reasons"], example["model_version"]) == ("down", ["wrong"], "small")
    (event,) = audit("feedback_exported")
    assert (event.reason, event.detail["search"]) == ("Fine-tuning", {"rating": "down", "reason": "wrong"})
