"""Budgets over the API: for administrators, whole and replaced by their place."""

import json
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import User
from chatapp.api.tests.conftest import Api, assert_problem, send
from chatapp.inference.budgets.meter import forget_standings
from chatapp.inference.budgets.selectors import standings_of
from chatapp.inference.models import AnswerOutcome, Budget, SideWork, Task

pytestmark = pytest.mark.django_db
URL = "/api/v1/budgets"
BODY = {"subject": "user", "name": "alice", "unit": "tokens", "period": "week", "soft": 800, "hard": 1000}


def put(client: Any, **changes: object) -> Any:
    return send(client, "PUT", URL, json.dumps({**BODY, **changes}))


def test_a_budget_is_put_read_and_deleted(ada: User, alice: User, api: Api) -> None:
    client = api(ada)
    made = put(client, contact="Grace").json()
    AnswerOutcome.objects.create(generation_id=uuid4(), user=alice, status="complete", prompt_tokens=850)
    again = put(client, hard=2_000, note="more").json()
    assert again["id"] == made["id"]
    read = client.get(f"{URL}/{made['id']}").json()
    assert read == again
    assert (read["name"], read["hard"], read["contact"], read["note"]) == ("alice", "2000.000000", "", "more")
    [standing] = read["standings"]
    assert (standing["spent"], standing["percent"], standing["reached"]) == ("850", 42, "soft")
    assert client.get(URL).json()["items"] == [read]
    assert send(client, "DELETE", f"{URL}/{made['id']}").status_code == 204
    assert client.get(URL).json() == {"items": [], "next": None}
    assert_problem(send(client, "DELETE", f"{URL}/{made['id']}"), 404, "not_found")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "nobody"},
        {"name": "al\u0000"},
        {"subject": "everyone"},
        {"subject": "route"},
        {"soft": None, "hard": None},
        {"soft": 1001},
        {"hard": 0},
        {"hard": "NaN"},
        {"hard": 1e30},
        {"soft": 0.5},
        {"unit": "dollars"},
        {"period": "year"},
        {"note": "x" * 301},
        {"extra": 1},
    ],
)
def test_what_makes_no_sense_is_refused(ada: User, alice: User, api: Api, changes: dict[str, object]) -> None:
    assert_problem(put(api(ada), **changes), 400, "invalid")
    assert not Budget.objects.exists()


def test_nobody_else_reads_or_sets_them(ada: User, alice: User, oscar: User, mallory: User, api: Api) -> None:
    budget = put(api(ada)).json()["id"]
    for stranger in (alice, oscar, mallory):
        client = api(stranger)
        for response in (
            client.get(URL),
            client.get(f"{URL}/{budget}"),
            put(client, hard=10**9),
            send(client, "PUT", URL, "{"),  # before the body is read
            send(client, "DELETE", f"{URL}/{budget}"),
        ):
            assert_problem(response, 403, "forbidden")
    assert Budget.objects.get().hard == 1000
    assert_problem(put(api(ada, read_only=True)), 403, "read_only_key")


def test_a_list_costs_the_same_for_many(
    ada: User, api: Api, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        person = User.objects.create(username=f"u{number}")
        Budget.objects.create(subject="user", user=person, unit="tokens", period="day", hard=1)
    client = api(ada)
    client.get(URL)
    with django_assert_max_num_queries(5):  # the key, its use, the rows, what was spent
        assert len(client.get(URL).json()["items"]) == 30


def test_embeddings_count_and_are_refused(ada: User, alice: User, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatapp.api.openai.embeddings.lookup_embeddings", lambda texts: [[0.5]] * len(texts))
    monkeypatch.setattr("chatapp.api.openai.embeddings.close_old_connections", lambda: None)
    put(api(ada), soft=None, hard=3)
    client = api(alice)
    body = {"model": "all-MiniLM-L6-v2", "input": ["two words", "three"]}
    assert client.post("/v1/embeddings", body, content_type="application/json").status_code == 200
    [standing] = standings_of(alice)
    assert standing.spent == 3
    forget_standings()
    refused = client.post("/v1/embeddings", body, content_type="application/json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "budget_used_up")
    assert int(refused["Retry-After"]) > 0
    assert SideWork.objects.get().task == Task.EMBEDDING
