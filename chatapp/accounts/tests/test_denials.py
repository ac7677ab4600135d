"""Refused access is written down: by page, fragment, API and socket, alike for what exists and what does not."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chatapp.accounts import services
from chatapp.accounts.models import AuditEvent, User
from chatapp.accounts.services import denials as limits
from chatapp.conversations.models import Conversation
from tests.security.denials import denials, one_denial

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def page(mallory: User) -> Client:
    client = Client(headers={"User-Agent": "Browser/1 " + "x" * 300})
    client.force_login(mallory, backend=BACKEND)
    return client


@pytest.fixture
def api(mallory: User) -> Client:
    _, raw = services.create_api_key(user=mallory)
    return Client(headers={"Authorization": f"Bearer {raw}"})


@pytest.fixture
def secret(alice: User) -> Conversation:
    return Conversation.objects.create(owner=alice, title="zanzibar-77")


def test_a_page_a_fragment_and_the_api_leave_one_event_each(
    mallory: User, page: Client, api: Client, secret: Conversation
) -> None:
    for asked in (secret.pk, uuid4()):
        with one_denial(mallory, asked):
            page.get(f"/c/{asked}/")
        with one_denial(mallory, asked):
            page.get(f"/c/{asked}/", headers={"HX-Request": "true"})
        with one_denial(mallory, asked):
            page.post(f"/c/{asked}/delete/")
        with one_denial(mallory, asked):
            api.get(f"/api/v1/conversations/{asked}")
        with one_denial(mallory, asked):
            api.patch(f"/api/v1/conversations/{asked}", {"title": "mine"}, content_type="application/json")
    assert "zanzibar" not in str(list(AuditEvent.objects.values()))


def test_the_same_is_written_for_what_exists_and_what_does_not(
    mallory: User, page: Client, secret: Conversation
) -> None:
    page.get(f"/c/{uuid4()}/")
    told, counts = [], []
    for asked in (secret.pk, uuid4()):
        with CaptureQueriesContext(connection) as queries:
            page.get(f"/c/{asked}/")
        counts.append(len(queries))
        event = denials(mallory)[-1]
        told.append({**event.detail, "ids": None, "outcome": event.outcome})
    assert told[0] == told[1] == {
        "route": "c/<uuid:conversation_id>/", "method": "GET", "status": 404, "ids": None, "outcome": "denied",
    }  # fmt: skip
    assert counts[0] == counts[1]


def test_a_conversation_named_in_a_form_counts(mallory: User, page: Client, secret: Conversation) -> None:
    form = {"text": "x", "conversation": secret.pk, "message": uuid4(), "leaf": ""}
    assert page.post("/messages/", form).status_code == 404
    (event,) = denials(mallory)
    assert event.detail["ids"]["conversation"] == str(secret.pk)


def test_a_console_page_and_an_endpoint_without_the_right_count(mallory: User, page: Client, api: Client) -> None:
    assert page.get("/console/policies/").status_code == 404
    assert page.post(f"/console/policies/{uuid4()}/state/").status_code == 404
    assert api.post("/api/v1/policies", {}, content_type="application/json").status_code == 403
    assert [event.detail["status"] for event in denials(mallory)] == [404, 404, 403]
    assert denials(mallory)[-1].origin["process"] == "api"


def test_from_where_is_told(mallory: User, page: Client, secret: Conversation, api: Client) -> None:
    page.get(f"/c/{secret.pk}/", headers={"X-Forwarded-For": "6.6.6.6"})
    event = denials(mallory)[-1]
    assert event.address == "127.0.0.1"
    assert event.origin["process"] == "web"
    assert len(event.origin["agent"]) == 200
    assert len(event.origin["session"]) == 16
    assert page.session.session_key not in str(event.origin)
    assert event.origin["request"]
    api.get(f"/api/v1/conversations/{secret.pk}")
    assert denials(mallory)[-1].origin["api_key"] == str(mallory.api_keys.get().pk)


def test_strangers_and_addresses_that_are_none_leave_nothing(page: Client, api: Client, mallory: User) -> None:
    Client().get(f"/c/{uuid4()}/")
    Client().get(f"/api/v1/conversations/{uuid4()}")
    page.get("/nothing/here/")
    api.get("/api/v1/nothing")
    assert denials(mallory) == []


def test_nobody_floods_the_log(
    mallory: User, page: Client, monkeypatch: pytest.MonkeyPatch, secret: Conversation
) -> None:
    monkeypatch.setattr(limits, "HOURLY", 3)
    for _ in range(6):
        assert page.get(f"/c/{secret.pk}/").status_code == 404
    actions = list(AuditEvent.objects.filter(actor=mallory).exclude(action="session.login").order_by("at"))
    assert [event.action for event in actions] == ["access.denied"] * 3 + ["access.denied_too_often"]


def test_c13_c16_hostile_ids_and_headers_are_kept_as_data(mallory: User, secret: Conversation) -> None:
    services.record_denied(
        user=mallory, route="x", method="GET", ids={"name": "a\x1b[2J\r\nb\0" + "x" * 500}, status=404
    )
    event = denials(mallory)[-1]
    assert len(event.object_id) <= 64
    assert "\0" not in event.object_id
