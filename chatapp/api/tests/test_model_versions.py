"""Model versions as operators handle them by the API."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import User
from chatapp.api.tests.conftest import Api, assert_problem
from chatapp.api.tests.test_resources import post
from chatapp.inference.models import ModelVersion, Provider, Route, SourceSecret
from chatapp.inference.services import register_version, set_serving_version

pytestmark = pytest.mark.django_db
PATH = "/api/v1/model-versions"
HUB = {"kind": "hugging_face", "repository": "maker/model", "file": "tiny.gguf"}
NEW: dict[str, Any] = {"name": "new", "provider": "llama_cpp", "context_tokens": 4096, "sources": [HUB]}


@pytest.fixture
def version() -> ModelVersion:
    return register_version(user=None, name="scripted", provider=Provider.SCRIPTED, context_tokens=4096)


def test_a_draft_says_where_its_weights_come_from_and_how_far_they_are(oscar: User, api: Api) -> None:
    made = post(api(oscar), PATH, {**NEW, "sources": [{**HUB, "secret": "hf_token"}], "card": "# For tests"}).json()
    assert (made["state"], made["sha256"], made["facts"], made["memory"]) == ("draft", "", None, None)
    assert made["sources"] == [{**HUB, "revision": "main"}]
    assert made["download"]["state"] == "queued"
    assert "hf_token" not in str(api(oscar).get(f"{PATH}/{made['id']}").json())
    assert SourceSecret.objects.get().secret == "hf_token"


def test_a_clone_changes_what_is_named_and_takes_over_the_rest(oscar: User, api: Api) -> None:
    original = post(api(oscar), PATH, {**NEW, "sources": [{**HUB, "secret": "hf_token"}], "licence": "MIT"}).json()
    path = f"{PATH}/{original['id']}/clone"
    made = post(api(oscar), path, {"name": "terse", "changes": {"system_prompt": "Be brief."}})
    assert made.status_code == 201
    clone = made.json()
    assert (clone["name"], clone["copied_from"], clone["system_prompt"]) == ("terse", "new", "Be brief.")
    assert (clone["licence"], clone["sources"], clone["state"]) == ("MIT", original["sources"], "draft")
    assert list(SourceSecret.objects.values_list("position", flat=True)) == [0, 0]
    assert_problem(post(api(oscar), path, {"name": "terse", "changes": {"system_prompt": "x"}}), 409, "exists")
    assert_problem(post(api(oscar), path, {"name": "same", "changes": {"licence": "MIT"}}), 400, "invalid")


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "ab" * 32},
        {"provider": "scripted"},
        {"may_leave_company": True},
        {"state": "evaluated"},
        {"sampling": [1]},
        {"request_options": "x"},
        {"engine_options": {"no": 1}},
        {"context_tokens": "many"},
        {"card": 7},
        {"chat_template": "x" * 100_001},
        {"system_prompt": "\0"},
        {},
    ],
)
def test_what_no_clone_may_change_is_refused(oscar: User, api: Api, changes: dict[str, Any]) -> None:
    original = post(api(oscar), PATH, NEW).json()
    answer = post(api(oscar), f"{PATH}/{original['id']}/clone", {"name": "x", "changes": changes})
    assert answer.status_code in {400, 422}
    assert ModelVersion.objects.count() == 1


def test_b19_an_import_by_another_operator_changes_nothing(oscar: User, ada: User, api: Api) -> None:
    known = post(api(oscar), PATH, NEW).json()
    before = list(ModelVersion.objects.values())
    for change in ({"card": "Mine."}, {"id": known["id"], "sources": []}, {"sha256": "cd" * 32}):
        assert post(api(ada), PATH, {**NEW, **change}).status_code in {400, 409}
    assert list(ModelVersion.objects.values()) == before


def test_rejecting_needs_a_reason_and_can_be_taken_back(oscar: User, api: Api, version: ModelVersion) -> None:
    path = f"{PATH}/{version.pk}"
    assert_problem(post(api(oscar), f"{path}/reject", {}), 400, "invalid")
    assert post(api(oscar), f"{path}/reject", {"reason": "Its answers are wrong."}).json()["state"] == "rejected"
    assert_problem(post(api(oscar), f"{path}/verify", {}), 400, "invalid")
    assert post(api(oscar), f"{path}/restore", {}).json()["state"] == "draft"
    assert [change.reason for change in version.changes.all()] == ["Its answers are wrong.", ""]


def test_what_a_route_names_cannot_be_retired(oscar: User, api: Api, version: ModelVersion) -> None:
    set_serving_version(user=None, version=version)
    problem = post(api(oscar), f"{PATH}/{version.pk}/retire", {"reason": "old"})
    assert_problem(problem, 409, "version_used")
    assert "route default" in problem.content.decode()
    other = register_version(user=None, name="other", provider=Provider.SCRIPTED, context_tokens=4096)
    set_serving_version(user=None, version=other)
    assert post(api(oscar), f"{PATH}/{version.pk}/retire", {"reason": "old"}).json()["state"] == "retired"
    assert Route.objects.get().version == other


@pytest.mark.parametrize("step", ["clone", "verify", "retire", "reject", "restore"])
def test_strangers_change_nothing(mallory: User, bob: User, api: Api, version: ModelVersion, step: str) -> None:
    before = list(ModelVersion.objects.values())
    for person in (mallory, bob):
        assert post(api(person), f"{PATH}/{version.pk}/{step}", {}).status_code == 403
        assert_problem(api(person).get(f"{PATH}/{version.pk}"), 404, "not_found")
    assert list(ModelVersion.objects.values()) == before


def test_an_id_of_nothing_is_not_found(oscar: User, api: Api, alice: User) -> None:
    path = f"{PATH}/{alice.pk}"
    assert_problem(api(oscar).get(path), 404, "not_found")
    assert_problem(post(api(oscar), f"{path}/retire", {}), 404, "not_found")


def test_the_list_takes_as_many_statements_for_many(
    oscar: User, api: Api, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        register_version(user=oscar, **{**NEW, "name": f"v{number}"})
    client = api(oscar)
    with django_assert_max_num_queries(8):
        assert len(client.get(PATH).json()["items"]) == 5
