"""`/api/v1/feedback`: rating one's own answers, and reading what was said."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, User
from chatapp.api.tests.conftest import Api, assert_problem
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.moderation.models import Feedback
from tests.people import make_person

pytestmark = pytest.mark.django_db
URL = "/api/v1/feedback"


@pytest.fixture
def answer(alice: User, settings: Any) -> UUID:
    settings.SCRIPTED_MODEL = True
    version = ModelVersion.objects.create(
        name="scripted", provider=Provider.SCRIPTED, context_tokens=4096, state="evaluated"
    )
    Route.objects.create(name=Route.DEFAULT, version=version)
    generation = services.post_message(user=alice, text="Why?", message_id=uuid4(), conversation_id=None)
    Generation.objects.filter(id=generation.id).update(status=Status.ANSWERING, attempt=1, claimed_at=timezone.now())
    generation.refresh_from_db()
    services.finish_generation(generation, services.FinishedAnswer(status=Status.COMPLETE, text="So."))
    return generation.id


def post(client: Any, answer: UUID, **body: Any) -> Any:
    return client.post(URL, {"generation": str(answer), "rating": "down", **body}, content_type="application/json")


def test_an_answer_is_rated_rated_anew_and_no_more(alice: User, answer: UUID, api: Api) -> None:
    client = api(alice)
    first = post(client, answer, reasons=["wrong"], text="No.")
    assert first.status_code == 201
    said = first.json()
    assert (said["generation"], said["rating"], said["reasons"], said["text"]) == (
        str(answer),
        "down",
        ["wrong"],
        "No.",
    )
    again = post(client, answer, rating="up")
    assert (again.status_code, again.json()["id"], again.json()["reasons"]) == (200, said["id"], [])
    assert [item["rating"] for item in client.get(URL).json()["items"]] == ["up"]
    assert client.delete(f"{URL}/{said['id']}").status_code == 204
    assert client.get(URL).json()["items"] == []
    assert_problem(client.delete(f"{URL}/{said['id']}"), 404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        {"rating": "sideways"},
        {"reasons": ["ugly"]},
        {"reasons": "wrong"},
        {"reasons": ["wrong"] * 8},
        {"text": "x" * 2001},
        {"generation": "1"},
        {"rating": "up", "reasons": ["wrong"]},
    ],
)
def test_a_malformed_rating_is_refused(alice: User, answer: UUID, api: Api, body: dict[str, Any]) -> None:
    assert_problem(post(api(alice), answer, **body), 400, "invalid")
    assert not Feedback.objects.exists()


@pytest.mark.parametrize("name", ["mallory", "bob", "mona", "ada"])
def test_a07_another_persons_answer_and_feedback_are_as_good_as_none(
    name: str, alice: User, answer: UUID, api: Api
) -> None:
    other = api(User.objects.filter(username=name).first() or make_person(name))
    theirs, never = post(other, answer), post(other, uuid4())
    assert (theirs.status_code, theirs.json()) == (404, never.json())
    given = post(api(alice), answer).json()["id"]
    assert_problem(other.delete(f"{URL}/{given}"), 404, "not_found")
    assert Feedback.objects.count() == 1


def test_who_triages_sees_everybodys_masked_and_it_is_noted(
    alice: User, bob: User, mona: User, answer: UUID, api: Api
) -> None:
    post(api(alice), answer, reasons=["wrong"], text="Ask 4111 1111 1111 1111.")
    assert api(bob).get(URL).json()["items"] == []
    assert not AuditEvent.objects.filter(action="moderation.feedback_listed").exists()
    (item,) = api(mona).get(f"{URL}?reason=wrong&rating=down&version=&since=2020-01-01").json()["items"]
    assert item["text"] == "Ask [CARD]."
    assert "note" not in item
    assert AuditEvent.objects.get(action="moderation.feedback_listed").detail == {"feedback": [item["id"]]}
    assert api(mona).get(f"{URL}?reason=outdated").json()["items"] == []
    assert_problem(api(mona).get(f"{URL}?status=odd"), 400, "invalid")
    assert_problem(api(mona).get(f"{URL}?since=soon"), 400, "invalid")


def test_a_key_that_only_reads_rates_nothing(alice: User, answer: UUID, api: Api) -> None:
    assert_problem(post(api(alice, read_only=True), answer), 403, "read_only_key")
