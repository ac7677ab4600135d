"""Blind comparisons by the API."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
from chatapp.api.tests.conftest import Api, assert_problem
from chatapp.evaluation.models import Choice, Comparison, ComparisonPair, ComparisonState, Vote
from chatapp.evaluation.tests.comparing import make_versions, opened
from chatapp.inference.models import Rollout, RolloutKind, Route
from tests.versions import make_version

URL = "/api/v1/comparisons"


@pytest.fixture(autouse=True)
def route(db: None) -> Route:
    return Route.objects.create(name=Route.DEFAULT, version=make_version("serving"))


def post(client: Any, path: str, **body: Any) -> Any:
    return client.post(path, data=body, content_type="application/json")


def given(**changes: Any) -> dict[str, Any]:
    return {"first": "old", "second": "new", "questions_from": "list", "questions": ["What?"], **changes}


def test_start_watch_and_close(oscar: User, mona: User, ada: User, api: Api) -> None:
    make_versions()
    started = post(api(oscar), URL, **given(reason="To see"))
    assert started.status_code == 202
    found = started.json()
    assert (found["state"], found["pairs"], found["ready"], found["votes"]) == ("preparing", 1, 0, 0)
    assert (found["win_rate"], found["started_by"], found["reason"]) == (None, "oscar", "To see")
    pair = ComparisonPair.objects.get()
    for voter in (mona, ada):
        Vote.objects.create(pair=pair, voter=voter, choice=Choice.SECOND, first_was_left=True)
    result = api(oscar).get(f"{URL}/{found['id']}").json()
    assert (result["votes"], result["voters"], result["losses"], result["win_rate"]) == (2, 2, 2, 0)
    closed = post(api(oscar), f"{URL}/{found['id']}/close").json()
    assert (closed["state"], closed["finished_at"] is None) == ("closed", False)
    assert_problem(post(api(oscar), f"{URL}/{found['id']}/cancel"), 409, "comparison_over")
    assert [one["id"] for one in api(oscar).get(URL).json()["items"]] == [found["id"]]


def test_of_a_rollout(oscar: User, api: Api, route: Route) -> None:
    first, second = make_versions()
    rollout = Rollout.objects.create(
        route=route, kind=RolloutKind.CANARY, baseline=first, candidate=second, stage_started_at=timezone.now()
    )
    started = post(api(oscar), URL, **given(first="", second="", rollout=str(rollout.pk)))
    assert (started.json()["first"], started.json()["second"]) == ("old", "new")
    assert Comparison.objects.get().rollout == rollout


@pytest.mark.parametrize(
    "changes, status, code",
    [
        ({"first": "nobody"}, 400, "invalid"),
        ({"second": "old"}, 400, "invalid"),
        ({"questions": []}, 400, "invalid"),
        ({"questions": ["x" * 5000]}, 400, "invalid"),
        ({"questions": ["x"] * 201}, 400, "invalid"),
        ({"votes_wanted": 0}, 400, "invalid"),
        ({"questions_from": "golden"}, 400, "invalid"),
        ({"audience": "all"}, 400, "invalid"),
        ({"collection": "none"}, 404, "not_found"),
        ({"rollout": str(uuid4())}, 404, "not_found"),
        ({"rollout": "x"}, 400, "invalid"),
    ],
)
def test_what_is_wrong_is_refused(oscar: User, api: Api, changes: dict[str, Any], status: int, code: str) -> None:
    make_versions()
    assert_problem(post(api(oscar), URL, **given(**changes)), status, code)
    assert not Comparison.objects.exists()


@pytest.mark.parametrize("name", ["alice", "mallory", "mona"])
def test_others_see_and_start_none(name: str, oscar: User, api: Api, request: pytest.FixtureRequest) -> None:
    comparison = opened(oscar, "What?")
    client = api(request.getfixturevalue(name))
    assert client.get(URL).json()["items"] == []
    assert_problem(client.get(f"{URL}/{comparison.pk}"), 404, "not_found")
    assert_problem(post(client, URL, **given()), 403, "forbidden")
    assert_problem(post(client, f"{URL}/{comparison.pk}/cancel"), 403, "forbidden")
    comparison.refresh_from_db()
    assert comparison.state == ComparisonState.OPEN


def test_a_key_needs_the_scope(oscar: User, client: Any) -> None:
    _, raw = create_api_key(user=oscar, scopes=["rollouts"])
    headers = {"Authorization": f"Bearer {raw}"}
    assert client.get(URL, headers=headers).status_code == 200
    refused = client.post(URL, data=given(), content_type="application/json", headers=headers)
    assert_problem(refused, 403, "scope_missing")
