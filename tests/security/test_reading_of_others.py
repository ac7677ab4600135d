"""Another person's conversations: without a grant nobody reads them, by any way, administrators included."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from django.test import Client

from chatapp.accounts.models import AuditEvent, Role, User
from chatapp.accounts.services import create_api_key
from chatapp.api.tests.test_every_route import ROUTES as API_ROUTES
from chatapp.conversations.models import Conversation, Generation, Message, Status
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.moderation.models import Exchange, Flag, Verdict
from tests.architecture.test_access import ROUTES as PAGE_ROUTES
from tests.architecture.test_access import sample
from tests.people import PersonFactory
from tests.security.denials import denials, one_denial

pytestmark = pytest.mark.django_db
CANARY = "zanzibar-77"
BACKEND = "django.contrib.auth.backends.ModelBackend"
# What a page that is open to a reviewer may show of a flagged exchange is written down there (moderation.flag_read).
POWERFUL = (Role.ADMINISTRATOR, Role.AUDITOR, Role.REVIEWER, Role.MODEL_OPERATOR, Role.KNOWLEDGE_EDITOR)


@pytest.fixture
def answered(alice: User) -> Generation:
    version = ModelVersion.objects.create(
        name="scripted", provider=Provider.SCRIPTED, context_tokens=4096, state="evaluated"
    )
    route = Route.objects.create(name=Route.DEFAULT, version=version)
    talk = Conversation.objects.create(owner=alice, title=f"Title {CANARY}")
    question = Message.objects.create(conversation=talk, role="user", text=f"Question {CANARY}")
    answer = Message.objects.create(conversation=talk, parent=question, role="assistant", text=f"Answer {CANARY}")
    return Generation.objects.create(
        message=answer,
        user=alice,
        route=route,
        version=version,
        max_tokens=5,
        status=Status.COMPLETE,
        deadline_at=answer.created_at,
    )


@pytest.fixture
def almighty(db: None) -> User:
    """Has every role, and no grant."""
    return PersonFactory(username="almighty", roles=[role.value for role in (Role.EMPLOYEE, *POWERFUL)])


def clients_of(user: User) -> tuple[Client, Client]:
    _, raw = create_api_key(user=user)
    api, page = Client(headers={"Authorization": f"Bearer {raw}"}, raise_request_exception=False), Client()
    page.force_login(user, backend=BACKEND)
    return page, api


def ids_of(generation: Generation) -> dict[str, UUID]:
    message = generation.message
    return {
        "conversation_id": message.conversation_id,
        "message_id": message.id,
        "generation_id": generation.id,
    }


def ways(generation: Generation) -> Iterator[str]:
    """Every address of the product, with the ids of the answer put in wherever they may stand."""
    own = ids_of(generation)
    for route in PAGE_ROUTES:
        if route.startswith(("accounts/", "metrics", "livez", "readyz")):
            continue
        filled = route
        for name, value in own.items():
            filled = filled.replace(f"<uuid:{name}>", str(value))
        for value in own.values() if "<uuid:" in filled else (own["conversation_id"],):
            yield sample(_with_ids(filled, value))
    for method, route in sorted(API_ROUTES):
        if method == "GET":
            yield route.format_map(_Anything(own))


class _Anything(dict[str, str]):
    def __init__(self, own: dict[str, UUID]) -> None:
        super().__init__({name: str(value) for name, value in own.items()})

    def __missing__(self, key: str) -> str:
        return self["conversation_id"]


def _with_ids(route: str, value: UUID) -> str:
    parts = [str(value) if part.startswith("<uuid:") else part for part in route.split("/")]
    return "/".join(parts)


def test_a06_no_way_shows_another_persons_conversation(answered: Generation, almighty: User, alice: User) -> None:
    """The owner opens everything first, so that whatever is kept anywhere is warm."""
    own_page, own_api = clients_of(alice)
    talk = answered.message.conversation_id
    for address in (f"/c/{talk}/", f"/c/{talk}/messages/{answered.message_id}/", "/"):
        assert CANARY in own_page.get(address).content.decode()
    assert CANARY in own_api.get(f"/api/v1/conversations/{talk}").content.decode()
    page, api = clients_of(almighty)
    tried = sorted(set(ways(answered)))
    assert len(tried) > 60
    for address in tried:
        client = api if address.startswith(("/api/", "/v1/")) else page
        for headers in ({}, {"HX-Request": "true"}):
            response = client.get(address, headers=headers)
            body = b"".join(response) if response.streaming else response.content
            assert CANARY not in body.decode(errors="replace"), address


@pytest.mark.parametrize("way", ["", "rename/", "delete/"])
def test_a06_an_owners_ways_are_404_for_an_administrator(way: str, answered: Generation, ada: User) -> None:
    page, _ = clients_of(ada)
    talk = answered.message.conversation_id
    with one_denial(ada, talk):
        response = page.post(f"/c/{talk}/{way}", {"title": "mine"}) if way else page.get(f"/c/{talk}/")
    assert response.status_code == 404
    assert Conversation.objects.get(id=talk).title == f"Title {CANARY}"


def test_a07_nobody_flags_or_decides_over_what_they_may_not_review(
    answered: Generation, alice: User, mallory: User
) -> None:
    exchange = Exchange.objects.create(
        generation_id=answered.id, user=alice, question=CANARY, answer=CANARY, sources=[], model_version="x"
    )
    verdict = Verdict.objects.create(
        exchange=exchange, check_name="x", stage="output", action="flag", severity="low", spans=[]
    )
    flag = Flag.objects.create(exchange=exchange, verdict=verdict, severity="low", excerpt=CANARY)
    before = list(Flag.objects.values())
    page, api = clients_of(mallory)
    for asked in (flag.id, answered.id, answered.message_id):
        for send in (
            lambda asked=asked: api.get(f"/api/v1/flags/{asked}"),
            lambda asked=asked: api.post(f"/api/v1/flags/{asked}/claim"),
            lambda asked=asked: api.post(
                f"/api/v1/flags/{asked}/decide",
                {"decision": "dismiss", "reason": "x"},
                content_type="application/json",
            ),
            lambda asked=asked: page.post(f"/console/flags/{asked}/claim/"),
            lambda asked=asked: page.post(f"/console/flags/{asked}/decide/", {"decision": "dismiss"}),
        ):
            with one_denial(mallory, asked):
                response = send()
            assert response.status_code == 404
            assert CANARY not in response.content.decode()
    assert list(Flag.objects.values()) == before
    assert Exchange.objects.count() == 1


def test_c13_the_log_holds_no_secret_and_no_text_of_messages(answered: Generation, alice: User, mallory: User) -> None:
    """Planted: the text of a conversation, a key, a session's cookie, a bearer token that is refused, a password."""
    page, api = clients_of(mallory)
    raw = api.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    planted = [CANARY, raw, str(page.session.session_key), "ca_wrong-token-77", "pass-word-77"]
    talk = answered.message.conversation_id
    page.get(f"/c/{talk}/?token={planted[3]}")
    api.get(f"/api/v1/conversations/{talk}", headers={"X-Secret": planted[3]})
    Client(headers={"Authorization": f"Bearer {planted[3]}"}).get(f"/api/v1/conversations/{talk}")
    Client().post("/accounts/login/", {"login": "alice", "password": planted[4]})
    Client().post("/accounts/login/", {"login": planted[4], "password": planted[4]})
    form = {"text": CANARY, "conversation": talk, "message": answered.message_id, "leaf": ""}
    assert page.post("/messages/", form).status_code == 404
    assert len(denials(mallory)) == 3
    kept = str(list(AuditEvent.objects.values()))
    assert [secret for secret in planted if secret in kept] == []


def test_a18_where_text_is_sent_to_is_set_by_operators_only_and_written_down(oscar: User, mallory: User) -> None:
    """The only place outside that somebody can name for other people's text: the endpoints of an external version."""
    body = {
        "name": "far",
        "provider": "openai_compatible",
        "preset": "openai",
        "external_model": "m",
        "context_tokens": 8192,
        "endpoints": [{"url": "https://sink.example/v1", "key": "k"}],
        "may_leave_company": True,
    }
    _, api = clients_of(mallory)
    assert api.post("/api/v1/model-versions", body, content_type="application/json").status_code == 403
    assert not ModelVersion.objects.exists()
    assert [event.detail["status"] for event in denials(mallory)] == [403]
    _, operator = clients_of(oscar)
    assert operator.post("/api/v1/model-versions", body, content_type="application/json").status_code in {200, 201}
    event = AuditEvent.objects.get(action="inference.version_registered")
    assert (event.actor, event.detail["urls"]) == (oscar, ["https://sink.example/v1"])
