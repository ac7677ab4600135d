"""People for administrators, and what nobody may set."""

import json
from typing import Any

import pytest

from chatapp.accounts.models import AuditEvent, Role, User
from chatapp.api.tests.conftest import Api, assert_problem, send

PATH = "/api/v1/users"
FORBIDDEN = [
    {"is_staff": True},
    {"is_superuser": True},
    {"role": "administrator"},
    {"roles": ["administrator"]},
    {"groups": ["sales"]},
    {"quota": 10**9},
    {"permissions": ["accounts.manage_users"]},
    {"username": "ada"},
    {"email": "ada@corp.example"},
    {"password": "secret-123"},
    {"is_service": False},
    {"id": "7b0f6a9c-3f0e-4f5b-9a53-0f4f5b9a5300"},
]


def row(user: User) -> dict[str, Any]:
    return dict(User.objects.filter(pk=user.pk).values().get())


def patch(client: Any, user: User, body: Any) -> Any:
    return send(client, "PATCH", f"{PATH}/{user.pk}", json.dumps(body).encode())


@pytest.mark.parametrize("body", [*FORBIDDEN, {"active": False}, {"own_roles": ["administrator"]}])
@pytest.mark.parametrize("name", ["alice", "mona", "oscar"])
def test_b18_nobody_sets_anything_of_himself(request: pytest.FixtureRequest, api: Api, name: str, body: Any) -> None:
    user = request.getfixturevalue(name)
    before = row(user)
    assert_problem(patch(api(user), user, body), 403, "forbidden")
    assert row(user) == before


@pytest.mark.parametrize("body", FORBIDDEN)
def test_b18_not_even_an_administrator_sets_what_is_not_listed(api: Api, ada: User, alice: User, body: Any) -> None:
    for user in (ada, alice):
        before = row(user)
        assert_problem(patch(api(ada), user, body), 400, "invalid")
        assert_problem(patch(api(ada), user, {**body, "reason": "x", "active": True}), 400, "invalid")
        assert row(user) == before


def test_an_administrator_closes_opens_and_gives_roles(api: Api, ada: User, alice: User) -> None:
    changed = patch(api(ada), alice, {"active": False, "own_roles": ["employee", "reviewer"], "reason": "moves"})
    assert changed.status_code == 200
    assert (changed.json()["active"], changed.json()["roles"]) == (False, ["employee", "reviewer"])
    assert not User.objects.get(pk=alice.pk).is_active
    assert AuditEvent.objects.filter(action="user.disabled", actor=ada, object_id=str(alice.pk)).exists()
    assert patch(api(ada), alice, {"active": True}).json()["active"] is True
    assert_problem(patch(api(ada), ada, {"active": False}), 409, "own_account")
    assert_problem(patch(api(ada), ada, {"own_roles": ["employee"]}), 409, "last_administrator")
    assert User.objects.get(pk=ada.pk).roles == [Role.EMPLOYEE, Role.ADMINISTRATOR]


def test_a_change_that_fails_in_part_changes_nothing(api: Api, ada: User, alice: User) -> None:
    before = row(alice)
    assert patch(api(ada), alice, {"active": False, "own_roles": ["nothing"]}).status_code == 400
    assert row(alice) == before


def test_people_are_listed_searched_and_filtered(
    api: Api, ada: User, alice: User, bob: User, django_assert_max_num_queries: Any
) -> None:
    client = api(ada)

    def names(**query: str) -> list[str]:
        return [user["username"] for user in client.get(PATH, query).json()["items"]]

    assert set(names()) == {"ada", "alice", "bob"}
    assert names(words="ALI") == ["alice"]
    assert names(group="sales") == ["bob"]
    assert names(role="administrator") == ["ada"]
    assert names(active="false") == []
    assert set(names(source="local")) == {"ada", "alice", "bob"}
    assert names(source="scim") == names(source="nothing") == []
    first = client.get(PATH, {"limit": 2}).json()
    assert len(first["items"]) == 2
    assert len(client.get(PATH, {"cursor": first["next"]}).json()["items"]) == 1
    with django_assert_max_num_queries(8):
        client.get(PATH)


def test_strangers_see_nobody(api: Api, mallory: User, alice: User) -> None:
    assert_problem(api(mallory).get(PATH), 403, "forbidden")
    assert_problem(api(mallory).get(f"{PATH}/{alice.pk}"), 403, "forbidden")
    assert_problem(patch(api(mallory), alice, {"active": False}), 403, "forbidden")
    assert User.objects.get(pk=alice.pk).is_active
