"""The audit log: for auditors and administrators, searched, opened, taken away as OCSF."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import AsyncClient, Client
from django.utils import timezone

from chatapp.accounts import services
from chatapp.accounts.models import AuditEvent, Outcome, User
from chatapp.accounts.ocsf import to_ocsf
from chatapp.accounts.origin import doing_for

pytestmark = pytest.mark.django_db
ClientOf = Callable[[str], Client]
HOSTILE = "\x1b[2Jevil\r\n<script>"


def record(actor: User | None, action: str, **more: Any) -> AuditEvent:
    with doing_for(lambda: {"process": "web", "address": "10.9.8.7", "agent": "curl", "session": "abcd"}):
        return services.record_event(actor=actor, action=action, **more)


def rows(client: Client, query: str) -> list[str]:
    body = client.get(f"/console/audit/?{query}").content.decode()
    return [part.partition("</code>")[0].rpartition("<code>")[2] for part in body.split('data-label="Action"')[1:]]


def test_others_do_not_see_it(client_of: ClientOf, alice: User, mona: User, oscar: User) -> None:
    event = record(alice, "document.deleted")
    for user, status in ((alice, 404), (mona, 403), (oscar, 403)):
        for address in ("/console/audit/", f"/console/audit/{event.id}/"):
            assert client_of(user.username).get(address).status_code == status
        assert (
            client_of(user.username).post("/console/audit/export/", {"reason": "because I want it"}).status_code
            == status
        )
    assert not AuditEvent.objects.filter(action="audit.exported").exists()


def test_every_condition_narrows_the_list(client_of: ClientOf, ada: User, alice: User) -> None:
    client = client_of("ada")
    key = str(uuid4())
    record(alice, "document.deleted", object_id=key, detail={"name": "Reisekosten 2026.pdf"})
    record(alice, "document.uploaded", reason="Quarterly audit")
    record(None, "session.login_failed", outcome=Outcome.FAILURE)
    queries = {
        "person=alice&action=document": ["document.uploaded", "document.deleted"],
        f"person={alice.pk}&action=document.deleted": ["document.deleted"],
        f"object_id={key}": ["document.deleted"],
        "address=10.9.8.7": ["session.login_failed", "document.uploaded", "document.deleted"],
        "address=10.9.8.8": [],
        "words=reisekosten": ["document.deleted"],
        "words=quarterly+audit": ["document.uploaded"],
        "outcome=failure": ["session.login_failed"],
        "person=nobody": [],
    }
    for query, expected in queries.items():
        assert rows(client, query) == expected, query
    day = timezone.localdate()
    assert rows(client, f"action=document&since={day - timedelta(days=1)}T00:00&until={day}T00:00") == []
    assert len(rows(client, f"action=document&since={day}T00:00")) == 2


@pytest.mark.parametrize(
    "query", ["since=yesterday", "until=2026-99-99T00:00", "outcome=x", "person=" + "x" * 201, "action=%00"]
)
def test_a_condition_that_makes_no_sense_is_told(query: str, client_of: ClientOf, ada: User) -> None:
    response = client_of("ada").get(f"/console/audit/?{query}")
    assert response.status_code == 400
    assert "could not be understood" in response.content.decode()


def test_pages_follow_each_other_with_a_constant_number_of_queries(
    client_of: ClientOf, ada: User, alice: User, django_assert_max_num_queries: Any
) -> None:
    client = client_of("ada")
    for _ in range(120):
        record(alice, "document.deleted")
    with django_assert_max_num_queries(8):
        first = client.get("/console/audit/?action=document").content.decode()
    assert first.count('data-testid="audit-row"') == 50
    link = first.partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")
    more = client.get(f"/console/audit/{link}", headers={"HX-Request": "true"}).content.decode()
    assert more.lstrip().startswith("<tr")
    assert more.count('data-testid="audit-row"') == 50
    ids = {part.partition("/")[0] for part in (first + more).split('href="/console/audit/')[1:] if part[0] != '"'}
    assert len(ids & {str(event.id) for event in AuditEvent.objects.all()}) == 100


def test_c16_an_event_shows_what_changed_and_spells_controls_out(client_of: ClientOf, ada: User, alice: User) -> None:
    event = record(
        alice,
        "route.changed",
        before={"version": "a", "same": 1},
        after={"version": HOSTILE, "same": 1},
        reason=HOSTILE,
    )
    body = client_of("ada").get(f"/console/audit/{event.id}/").content.decode()
    assert "<del>a</del>" in body
    assert "<ins>\\u001b[2Jevil\\u000d\\u000a&lt;script&gt;</ins>" in body
    assert ">same<" not in body
    assert "\x1b" not in body
    assert client_of("ada").get(f"/console/audit/{uuid4()}/").status_code == 404


def test_an_export_needs_a_reason(client_of: ClientOf, ada: User) -> None:
    for reason in ("", "   short  "):
        assert client_of("ada").post("/console/audit/export/", {"reason": reason}).status_code == 400
    assert not AuditEvent.objects.filter(action="audit.exported").exists()


@pytest.mark.django_db(transaction=True)
def test_c11_c16_an_export_is_one_line_of_json_for_each_event_and_is_audited(ada: User, alice: User) -> None:
    for number in range(250):
        record(alice, "document.deleted", detail={"name": f"=cmd|' /C calc'!A0 {HOSTILE} {number}"})
    record(alice, "document.uploaded")

    async def exported() -> bytes:
        client = AsyncClient()
        await client.aforce_login(ada, backend="django.contrib.auth.backends.ModelBackend")
        form = {"action": "document.deleted", "reason": "The works council asked for it"}
        response: Any = await client.post("/console/audit/export/", form)
        assert response["Content-Disposition"].startswith('attachment; filename="audit-')
        return b"".join([part async for part in response.streaming_content])

    lines = asyncio.run(exported()).splitlines()
    assert len(lines) == 250
    assert all(b"\x1b" not in line and b"\r" not in line for line in lines)
    assert {json.loads(line)["metadata"]["event_code"] for line in lines} == {"document.deleted"}
    event = AuditEvent.objects.get(action="audit.exported")
    assert (event.actor, event.reason) == (ada, "The works council asked for it")
    assert event.detail["search"] == {"action": "document.deleted"}


@pytest.mark.parametrize(
    "action, type_uid",
    [
        ("session.login", 300201),
        ("session.logout", 300202),
        ("user.created", 300101),
        ("user.disabled", 300105),
        ("user.groups_synchronized", 300501),
        ("role.deleted", 300502),
        ("document.uploaded", 300401),
        ("conversation.read_by_grant", 300402),
        ("inference.route_configured", 300403),
        ("document.deleted", 300404),
        ("access.denied", 600302),
        ("audit.exported", 600302),
    ],
)
def test_every_kind_of_event_has_its_class_of_ocsf(action: str, type_uid: int, alice: User) -> None:
    shaped = to_ocsf(record(alice, action, obj=alice))
    assert (shaped["type_uid"], shaped["class_uid"]) == (type_uid, type_uid // 100)
    assert shaped["category_uid"] == shaped["class_uid"] // 1000
    assert shaped["metadata"]["version"] == "1.3.0"
    assert shaped["src_endpoint"] == {"ip": "10.9.8.7", "svc_name": "web"}
    assert shaped["actor"]["user"] == {"uid": str(alice.pk), "name": "alice"}
    needed = {3001: "user", 3002: "user", 3005: "privileges", 3004: "entity", 6003: "api"}[shaped["class_uid"]]
    assert needed in shaped


def test_the_api_filters_and_speaks_ocsf(ada: User, alice: User, mona: User) -> None:
    record(alice, "document.deleted")
    clients = []
    for user in (ada, mona):
        _, raw = services.create_api_key(user=user)
        clients.append(Client(headers={"Authorization": f"Bearer {raw}"}))
    found = clients[0].get("/api/v1/audit?action=document&person=alice").json()["items"]
    assert [(event["action"], event["address"], event["actor_id"]) for event in found] == [
        ("document.deleted", "10.9.8.7", str(alice.pk))
    ]
    shaped = clients[0].get("/api/v1/audit?action=document&format=ocsf").json()["items"]
    assert [event["type_uid"] for event in shaped] == [300404]
    assert AuditEvent.objects.filter(action="audit.exported", actor=ada).count() == 1
    assert clients[1].get("/api/v1/audit?format=ocsf").json()["items"] == []
    assert clients[0].get("/api/v1/audit?since=never").status_code == 400
    assert clients[0].get("/api/v1/audit?format=xml").status_code == 400
