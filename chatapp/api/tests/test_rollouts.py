"""Rollouts over HTTP: begun, moved and read by operators, hidden from all others."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from chatapp.accounts.models import User
from chatapp.api.openai.chat import accept_chat
from chatapp.api.openai.schemas import ChatRequest
from chatapp.api.tests.conftest import Api, assert_problem, send
from chatapp.errors import ChatappError
from chatapp.inference.models import ModelVersion, Rollout, VersionState
from chatapp.inference.services import set_serving_version, start_rollout
from tests.versions import make_version

pytestmark = pytest.mark.django_db

PATH = "/api/v1/rollouts"
PLAN: dict[str, Any] = {
    "kind": "canary",
    "candidate": "new",
    "stages": [{"share": 10, "min_answers": 5, "min_minutes": 1.0}, {"share": 100, "min_answers": 0, "min_minutes": 0}],
    "reason": "It is newer.",
}


@pytest.fixture
def new(db: None) -> ModelVersion:
    set_serving_version(user=None, version=make_version("old"))
    return make_version("new")


def post(client: Client, path: str, **body: Any) -> Any:
    return send(client, "POST", f"{PATH}{path}", json.dumps(body))


def test_a_rollout_is_begun_moved_and_tells_its_story(oscar: User, api: Api, new: ModelVersion) -> None:
    client = api(oscar)
    begun = post(client, "", **PLAN)
    assert begun.status_code == 201
    path = f"/{begun.json()['id']}"
    assert begun.json()["stages"] == PLAN["stages"]
    assert post(client, f"{path}/advance", from_stage=0).json()["share"] == 100
    assert_problem(post(client, f"{path}/advance", from_stage=0), 409, "changed_meanwhile")
    for step, state in (("hold", "held"), ("resume", "running"), ("complete", "completed")):
        assert post(client, f"{path}/{step}", reason=f"To {step}.").json()["state"] == state
    assert_problem(post(client, f"{path}/roll-back"), 409, "rollout_state")
    told = client.get(f"{PATH}{path}").json()
    assert [(step["action"], step["by"], step["reason"]) for step in told["steps"]] == [
        ("started", "oscar", "It is newer."),
        ("advanced", "oscar", ""),
        ("held", "oscar", "To hold."),
        ("resumed", "oscar", "To resume."),
        ("completed", "oscar", "To complete."),
    ]
    assert (told["baseline"], told["candidate"], told["started_by"]) == ("old", "new", "oscar")
    assert "steps" not in client.get(PATH).json()["items"][0]


@pytest.mark.parametrize("step,state", [("roll-back", "rolled_back"), ("end", "ended")])
def test_it_ends_without_the_candidate_too(oscar: User, api: Api, new: ModelVersion, step: str, state: str) -> None:
    begun = post(api(oscar), "", **PLAN).json()
    assert post(api(oscar), f"/{begun['id']}/{step}", reason="Enough.").json()["state"] == state
    assert api(oscar).get("/api/v1/routes/default").json() | {"version": "old", "rollout": None, "arms": []} == (
        api(oscar).get("/api/v1/routes/default").json()
    )


def test_its_route_says_so_and_does_not_change_meanwhile(oscar: User, api: Api, new: ModelVersion) -> None:
    begun = post(api(oscar), "", **PLAN).json()
    route = api(oscar).get("/api/v1/routes/default").json()
    assert (route["rollout"], route["arms"]) == (begun["id"], [])
    body = json.dumps({"version": "new"})
    assert_problem(send(api(oscar), "PUT", "/api/v1/routes/default", body), 409, "rollout_running")
    assert_problem(post(api(oscar), "", **PLAN), 409, "rollout_running")


def test_a_missing_gate_is_said_and_may_be_overridden(oscar: User, api: Api, new: ModelVersion) -> None:
    make_version("draft", state=VersionState.DRAFT)
    plan = {**PLAN, "candidate": "draft"}
    assert_problem(post(api(oscar), "", **plan), 409, "not_evaluated")
    assert post(api(oscar), "", **plan, override="It only fixes a typo.").json()["override_reason"] == (
        "It only fixes a typo."
    )
    body = {"version": "draft"}
    elsewhere = "/api/v1/routes/other"
    assert_problem(send(api(oscar), "PUT", elsewhere, json.dumps(body)), 409, "not_evaluated")
    assert send(api(oscar), "PUT", elsewhere, json.dumps({**body, "override": "Tests."})).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "slow"},
        {"candidate": "nothing"},
        {"candidate": "a\0b"},
        {"stages": [{"share": 5}, {"share": 1}]},
        {"stages": [{"min_answers": 5}]},
        {"guards": {"mood": {}}},
        {"alpha": 2},
        {"pilot_group": "nobody"},
        {"pilot_group": "a\0b"},
        {"reason": "x" * 501},
    ],
)
def test_a_plan_that_makes_no_sense_is_a_400(oscar: User, api: Api, new: ModelVersion, change: dict[str, Any]) -> None:
    assert_problem(post(api(oscar), "", **{**PLAN, **change}), 400, "invalid")
    assert not Rollout.objects.exists()


@pytest.mark.parametrize("name", ["alice", "mallory", "mona"])
def test_all_others_get_an_empty_list_and_move_nothing(
    name: str, request: pytest.FixtureRequest, api: Api, new: ModelVersion
) -> None:
    rollout = start_rollout(user=None, route="default", kind="canary", candidate=new)
    client = api(request.getfixturevalue(name))
    assert client.get(PATH).json() == {"items": [], "next": None}
    assert_problem(client.get(f"{PATH}/{rollout.id}"), 404, "not_found")
    assert_problem(client.get(f"{PATH}/{uuid4()}"), 404, "not_found")
    assert_problem(post(client, "", **PLAN), 403, "forbidden")
    for step in ("advance", "hold", "resume", "roll-back", "complete", "end"):
        assert_problem(post(client, f"/{rollout.id}/{step}"), 403, "forbidden")
    rollout.refresh_from_db()
    assert (rollout.state, rollout.stage) == ("running", 0)


def test_a_page_of_rollouts_costs_few_queries(
    oscar: User, api: Api, new: ModelVersion, django_assert_num_queries: Any
) -> None:
    client, counts = api(oscar), []
    for number in range(3):
        route = f"route-{number}"
        send(client, "PUT", f"/api/v1/routes/{route}", json.dumps({"version": "old"}))
        post(client, "", **PLAN, route=route)
        with django_assert_num_queries(2):  # the key, the rollouts
            counts.append(len(client.get(PATH).json()["items"]))
    assert counts == [1, 2, 3]


class TestWhatMayBeAsked:
    """`model` of the OpenAI-compatible API."""

    @pytest.mark.parametrize(
        "state,employee,operator",
        [("draft", False, True), ("verified", False, True), ("serving", True, True), ("retired", False, False)],
    )
    def test_it_goes_by_state_and_rights(
        self, alice: User, oscar: User, api: Api, new: ModelVersion, state: str, employee: bool, operator: bool
    ) -> None:
        make_version("one", state=state)
        for user, may in ((alice, employee), (oscar, operator)):
            names = [model["id"] for model in api(user).get("/v1/models").json()["data"]]
            assert ("one" in names) is may
            assert api(user).get("/v1/models/one").status_code == (200 if may else 404)
            if not may:
                asked = ChatRequest.model_validate(
                    {"model": "one", "messages": [{"role": "user", "content": "Hello?"}]}
                )
                with pytest.raises(ChatappError) as refused:
                    accept_chat(user, asked)
                assert refused.value.code == "model_unknown"
