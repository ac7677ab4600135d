"""Every way in, as everybody: who gets through is what tests/security/rights.py says."""

import json
from typing import Any

import pytest
from django.db import transaction

from chatapp.accounts.models import Role, User
from tests.security.matrix import DOCUMENT, may, with_tables
from tests.security.rights import CALLS as RIGHTS_OF_CALLS
from tests.security.rights import (
    COLLECTION,
    CONSOLE,
    OWN_FEEDBACK,
    OWN_USAGE,
    OWNER,
    PUBLIC,
    SAME,
    SCIM,
    SIGNED_IN,
    UNKNOWN,
    calls,
    everything,
    pages,
)
from tests.security.samples import TRIAGER, Persona, Samples, make_personas

pytestmark = pytest.mark.django_db
PAGES = pages()
CALLS = calls()
# Bodies without which an operation says that they are wrong before it looks at what the address names. A text that
# names a sample stands for its id.
BODIES: dict[str, dict[str, Any]] = {
    "PATCH /api/v1/conversations/{conversation_id}": {"title": "x"},
    "POST /api/v1/feedback": {"generation": "generation_id", "rating": "up"},
    "POST /api/v1/flags/{flag_id}/decide": {"decision": "dismiss", "reason": "x"},
    "POST /api/v1/evaluations": {"collection": "plans"},
    "POST /api/v1/messages/{message_id}/appeal": {"text": "Why?"},
    "POST /api/v1/messages/{message_id}/report": {"reason": "wrong"},
    "PUT /api/v1/routes/{name}": {"version": "scripted"},
    "POST /api/v1/policies": {"name": "p", "checks": []},
    "POST /api/v1/model-versions": {"name": "m"},
    "POST /api/v1/workers/orders": {"worker": "worker_name", "kind": "drain"},
}
# Told apart by something else than who calls; others are tried by tests of their own.
NOT_CALLED = {
    "accounts/": "signing in: what is public there answers by the state of a sign-in",
    "metrics": "a token or a private address",
    "scim/v2/": "keys of their own",
    "knowledge/connectors/<uuid:connector_id>/change/": "asks its owner for a permission, too; test_connector_pages",
    "knowledge/connectors/<uuid:connector_id>/delete/": "likewise",
    "GET /api/v1/evaluations": "two kinds, each by a right of its own; chatapp/api/tests/test_evaluations.py",
    "POST /api/v1/documents": "its body is a form that names the collection",
}


@pytest.fixture
def samples(alice: User) -> Samples:
    return Samples(alice)


@pytest.fixture
def personas(samples: Samples) -> list[Persona]:
    return make_personas(samples.owner)


def gets_through(persona: Persona, asked: str) -> bool:
    if persona.user is None:
        return asked == PUBLIC
    if asked in {PUBLIC, SIGNED_IN}:
        return True
    if asked in {OWNER, COLLECTION} or (asked in {OWN_USAGE, OWN_FEEDBACK} and persona.name == "owner"):
        return persona.name == "owner"
    if persona.name == "triager":
        return asked in {*TRIAGER, CONSOLE}
    return may(asked, Role.EMPLOYEE.value if persona.name == "owner" else persona.name)


def is_let_in(response: Any) -> bool:
    request = response.wsgi_request
    assert response.status_code < 500 or response.status_code == 503, f"{request.method} {request.path} {request.user}"
    if response.status_code == 302:
        return not response["Location"].startswith("/accounts/login/")
    if response.status_code == 200 and response["Content-Type"].startswith("application/json"):
        found = response.json()
        if isinstance(found, dict) and found.keys() >= {"items"}:
            return bool(found["items"])
    return response.status_code not in {401, 403, 404, 405}


def send_and_undo(client: Any, method: str, path: str, body: Any = None) -> Any:
    with transaction.atomic():
        kwargs = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
        response = client.generic(method, path, **kwargs)
        transaction.set_rollback(True)
    return response


def is_called(way: str) -> bool:
    return not any(way == known or (known.endswith("/") and way.startswith(known)) for known in NOT_CALLED)


def test_b09_a_page_lets_in_whom_the_table_names(samples: Samples, personas: list[Persona]) -> None:
    wrong = {}
    for route, asked in PAGES.items():
        if not is_called(route):
            continue
        path = samples.address(route, {"rest": "nothing"})
        # Of what no sample stands for, and of what is no address of an API, nobody sees more than that it is not there.
        is_there = path is not None and route not in {"api/", "v1/", "api/v1/"} and not route.endswith("<path:rest>")
        for persona in personas:
            client = persona.api if route.startswith(("api/", "v1/")) else persona.page
            address = path or samples.address(route, unknown_of(route)) or ""
            let_in = any(is_let_in(send_and_undo(client, method, address)) for method in ("GET", "POST"))
            through = gets_through(persona, asked)
            if let_in != through and (let_in or is_there):
                wrong[route, persona.name] = (let_in, asked)
    assert wrong == {}


def unknown_of(route: str) -> dict[str, str]:
    names = [part.strip("<>").rpartition(":")[2] for part in route.split("/") if part.startswith("<")]
    return dict.fromkeys(names, "7b0f6a9c-3f0e-4f5b-9a53-0f4f5b9a5300")


def test_b09_an_operation_lets_in_whom_the_table_names(samples: Samples, personas: list[Persona]) -> None:
    wrong = {}
    for call, asked in CALLS.items():
        if not is_called(call):
            continue
        method, _, template = call.partition(" ")
        path = samples.address(template, {"name": "default"} if "/routes/" in template else {})
        assert path is not None, f"{call}: tests/security/samples.py has nothing for it"
        given = BODIES.get(call, {}).items()
        body = None if method == "GET" else {key: samples.named(value) for key, value in given}
        let_in = {it.name: is_let_in(send_and_undo(it.api, method, path, body)) for it in personas}
        if let_in != {it.name: gets_through(it, asked) for it in personas}:
            wrong[call] = (let_in, asked)
    assert wrong == {}


@pytest.mark.parametrize("ways", SAME, ids=lambda ways: ways[0])
def test_b09_the_same_act_asks_for_the_same_by_every_way(ways: tuple[str, ...]) -> None:
    asked = everything()
    assert len({asked[way] for way in ways}) == 1, {way: asked[way] for way in ways}


def test_every_way_says_what_it_asks_for() -> None:
    asked = everything()
    assert [way for way, it in asked.items() if it == UNKNOWN] == []
    assert set(RIGHTS_OF_CALLS) <= CALLS.keys()
    assert set(NOT_CALLED) - {"accounts/", "scim/v2/"} <= asked.keys()
    assert {way for ways in SAME for way in ways} <= asked.keys()
    assert SCIM in asked.values()


def test_the_documentation_holds_the_tables() -> None:
    text = DOCUMENT.read_text()
    assert with_tables(text) == text, "run python -m tests.security.matrix"
    assert "| `frame stop` | its owner |" in text
