"""Routes over HTTP: written whole, read by operators, hidden from all others."""

import json
from typing import Any

import pytest
from django.test import Client

from chatapp.accounts.models import User
from chatapp.api.tests.conftest import Api, assert_problem, send
from chatapp.inference.models import ModelVersion, Route
from chatapp.inference.services import configure_route
from tests.versions import make_version

pytestmark = pytest.mark.django_db

PATH = "/api/v1/routes"
PLAN: dict[str, Any] = {
    "version": "big",
    "description": "For all.",
    "arms": [{"version": "small", "share_percent": 12.5}],
    "rules": [
        {
            "version": "small",
            "task": "",
            "collection": "",
            "language": "",
            "choice": "fast",
            "min_characters": None,
            "max_characters": 200,
        }
    ],
    "fallbacks": ["small"],
    "may_leave_company": False,
    "safe_answer": "Call 4711.",
}


@pytest.fixture
def big(db: None) -> ModelVersion:
    make_version("small")
    make_version("outside", leaves=True)
    return make_version("big")


def put(client: Client, name: str, body: dict[str, Any]) -> Any:
    return send(client, "PUT", f"{PATH}/{name}", json.dumps(body))


def test_a_route_is_written_and_read_whole(oscar: User, api: Api, big: ModelVersion) -> None:
    written = put(api(oscar), "default", PLAN)
    assert written.status_code == 200
    read = api(oscar).get(f"{PATH}/default").json()
    assert read == written.json()
    added = {"name": "default", "rollout": None}
    assert {key: value for key, value in read.items() if key != "updated_at"} == {**added, **PLAN}
    assert put(api(oscar), "default", {"version": "big"}).json()["rules"] == []


def test_the_list_goes_on_by_its_cursor(oscar: User, api: Api, big: ModelVersion) -> None:
    for name in ("one", "two", "three"):
        put(api(oscar), name, PLAN)
    first = api(oscar).get(f"{PATH}?limit=2").json()
    second = api(oscar).get(f"{PATH}?limit=2&cursor={first['next']}").json()
    assert [item["name"] for item in first["items"] + second["items"]] == ["three", "two", "one"]
    assert second["next"] is None


def test_a_page_of_routes_costs_few_queries(
    oscar: User, api: Api, big: ModelVersion, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        put(api(oscar), f"route-{number}", PLAN)
    client = api(oscar)
    with django_assert_max_num_queries(6):  # the key, the routes, their arms, rules and fallbacks
        client.get(PATH)


@pytest.mark.parametrize("name", ["alice", "mallory", "mona"])
def test_employees_get_an_empty_list_and_change_nothing(
    name: str, request: pytest.FixtureRequest, api: Api, big: ModelVersion
) -> None:
    configure_route(user=None, name="default", version=big)
    client = api(request.getfixturevalue(name))
    assert client.get(PATH).json() == {"items": [], "next": None}
    assert_problem(client.get(f"{PATH}/default"), 404, "not_found")
    assert_problem(client.get(f"{PATH}/nothing"), 404, "not_found")
    assert_problem(put(client, "default", {"version": "small"}), 403, "forbidden")
    assert Route.objects.get().version == big


@pytest.mark.parametrize(
    "change,words",
    [
        ({"version": "none"}, "no model version named none"),
        ({"version": None}, "version"),
        ({"fallbacks": ["none"]}, "no model version named none"),
        ({"fallbacks": ["outside"]}, "leaves the company"),
        ({"arms": [{"version": "small", "share_percent": 101}]}, "share_percent"),
        ({"arms": [{"version": "small", "share_percent": "NaN"}]}, "share_percent"),
        ({"rules": [{"version": "small"}]}, "at least one condition"),
        ({"rules": [{"version": "small", "min_characters": 10**30}]}, "whole number"),
        ({"rules": [{"version": "small", "choice": "fast"}] * 201}, "rules"),
    ],
)
def test_a_wrong_route_is_refused(oscar: User, api: Api, big: ModelVersion, change: dict[str, Any], words: str) -> None:
    response = put(api(oscar), "default", {**PLAN, **change})
    assert_problem(response, 400, "invalid")
    assert words in response.json()["title"]
    assert not Route.objects.exists()


def test_the_description_holds_the_routes() -> None:
    paths = Client().get("/api/v1/openapi.json").json()["paths"]
    assert set(paths["/api/v1/routes/{name}"]) == {"get", "put"}
