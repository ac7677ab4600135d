"""Reports and appeals over the API, and that it tells nothing of an answer that was taken back."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Message, Status
from chatapp.conversations.services.generations import record_exchange
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.moderation.models import Flag
from chatapp.moderation.services import claim_flag
from chatapp.moderation.texts import RETRACTED_TEXT

pytestmark = pytest.mark.django_db
SECRET = "Project Moonshot starts in May."


@pytest.fixture(autouse=True)
def _route(settings: Any) -> None:
    settings.SCRIPTED_MODEL = True
    version = ModelVersion.objects.create(
        name="scripted", provider=Provider.SCRIPTED, context_tokens=100_000, state="evaluated"
    )
    Route.objects.create(name=Route.DEFAULT, version=version)


def answer(user: User) -> Generation:
    queued = services.post_message(user=user, text="When?", message_id=uuid4(), conversation_id=None)
    Generation.objects.filter(id=queued.id).update(status=Status.COMPLETE, finish_reason="stop")
    Message.objects.filter(id=queued.message_id).update(text=SECRET)
    ended = Generation.objects.select_related("message__parent").get(id=queued.id)
    record_exchange(ended, answer=SECRET)
    return ended


def key_of(user: User, **limits: Any) -> Client:
    _, raw = create_api_key(user=user, **limits)
    return Client(headers={"Authorization": f"Bearer {raw}"})


def post(client: Client, message_id: UUID, what: str, body: Any) -> Any:
    return client.post(f"/api/v1/messages/{message_id}/{what}", json.dumps(body), content_type="application/json")


def test_from_the_report_to_a_granted_appeal(alice: User, mona: User, ada: User) -> None:
    generation, client = answer(alice), key_of(alice)
    reported = post(client, generation.message_id, "report", {"reason": "confidential"})
    assert (reported.status_code, reported.json()["state"]) == (201, "waiting")
    assert post(client, generation.message_id, "report", {"reason": "wrong"}).status_code == 409
    flag = Flag.objects.get()
    claim_flag(user=mona, flag_id=flag.id)
    services.decide_flag(user=mona, flag_id=flag.id, decision="uphold", reason="Secret.", effects=["retract"])
    for path in ("messages", f"messages/{generation.message_id}", "generations", f"generations/{generation.id}"):
        said = client.get(f"/api/v1/{path}").content.decode()
        assert "Moonshot" not in said
        assert RETRACTED_TEXT in said
    assert client.get(f"/api/v1/generations/{generation.id}").json()["status"] == "retracted"
    appealed = post(client, generation.message_id, "appeal", {"text": "It is public."})
    assert (appealed.status_code, appealed.json()["state"]) == (201, "waiting")
    appeal = Flag.objects.get(source="appeal")
    claim_flag(user=ada, flag_id=appeal.id)
    services.decide_flag(user=ada, flag_id=appeal.id, decision="dismiss", reason="It is public.")
    assert client.get(f"/api/v1/messages/{generation.message_id}").json()["text"] == SECRET


@pytest.mark.parametrize(
    "what, body",
    [
        ("report", {}),
        ("report", {"reason": "nonsense"}),
        ("report", {"reason": 3}),
        ("report", {"reason": "other"}),
        ("report", {"reason": "wrong", "text": "x" * 1001}),
        ("report", []),
        ("appeal", {}),
        ("appeal", {"text": ""}),
        ("appeal", {"text": "x" * 1001}),
    ],
)
def test_what_is_malformed_is_refused(alice: User, what: str, body: Any) -> None:
    response = post(key_of(alice), answer(alice).message_id, what, body)
    assert response.status_code in {400, 409, 422}
    assert response.json()["code"] in {"invalid", "words_missing", "not_withheld"}
    assert not Flag.objects.exists()


@pytest.mark.parametrize("what, body", [("report", {"reason": "wrong"}), ("appeal", {"text": "Why?"})])
def test_a07_another_person_s_answer_is_not_there(alice: User, mallory: User, what: str, body: Any) -> None:
    generation = answer(alice)
    theirs, none = (post(key_of(mallory), one, what, body) for one in (generation.message_id, uuid4()))
    assert (theirs.status_code, none.status_code) == (404, 404)
    assert {**theirs.json(), "instance": ""} == {**none.json(), "instance": ""}
    assert post(Client(), generation.message_id, what, body).status_code == 401
    assert not Flag.objects.exists()


def test_a_key_that_may_only_read_reports_nothing(alice: User) -> None:
    reader = key_of(alice, read_only=True)
    assert post(reader, answer(alice).message_id, "report", {"reason": "wrong"}).status_code == 403
