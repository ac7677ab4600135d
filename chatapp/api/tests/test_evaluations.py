"""`/api/v1/evaluations`: searches for who may edit the collection, gates for operators; to others there is none."""

import pytest
from django.contrib.auth.models import Group

from chatapp.accounts.models import User
from chatapp.api.tests.conftest import Api, assert_problem, send
from chatapp.evaluation.models import GateRun
from chatapp.evaluation.services import cancel_gate, run_gate
from chatapp.evaluation.tests.gating import make_handbook, run_to_end
from chatapp.inference.models import ModelVersion, Route, VersionState
from chatapp.retrieval.models import Collection, Evaluation
from chatapp.retrieval.selectors import get_whole_index
from chatapp.retrieval.services import add_golden_question, create_collection
from chatapp.retrieval.services import run_evaluation as run_search
from tests.versions import make_version

URL = "/api/v1/evaluations"

pytestmark = pytest.mark.django_db


@pytest.fixture
def notes(ada: User, alice: User, bob: User) -> Collection:
    """Alice edits them, bob reads them."""
    for user, name in ((alice, "editors"), (bob, "readers")):
        user.groups.add(Group.objects.get_or_create(name=name)[0])
    collection = create_collection(
        user=ada, slug="notes", name="Notes", groups={"editors": "editor", "readers": "reader"}
    )
    add_golden_question(user=alice, collection=collection, text="What is it?", sources=[])
    return collection


def test_an_editor_starts_reads_and_cancels(alice: User, notes: Collection, api: Api) -> None:
    client = api(alice)
    response = send(client, "POST", URL, b'{"collection": "notes"}')
    assert response.status_code == 202
    started = response.json()
    assert started["status"] == "queued"
    assert (started["questions"], started["asked"], started["figures"]) == (1, 0, None)
    assert_problem(send(client, "POST", URL, b'{"collection": "notes"}'), 409, "evaluation_running")
    assert client.get(f"{URL}?collection=notes").json()["items"] == [started]
    assert client.get(f"{URL}/{started['id']}").json() == started
    assert send(client, "POST", f"{URL}/{started['id']}/cancel").json()["status"] == "cancelled"
    assert_problem(send(client, "POST", f"{URL}/{started['id']}/cancel"), 409, "evaluation_over")


def test_readers_are_refused_and_strangers_find_nothing(
    alice: User, bob: User, mallory: User, notes: Collection, api: Api
) -> None:
    started = send(api(alice), "POST", URL, b'{"collection": "notes"}').json()["id"]
    assert_problem(send(api(bob), "POST", URL, b'{"collection": "notes"}'), 403, "forbidden")
    assert_problem(send(api(mallory), "POST", URL, b'{"collection": "notes"}'), 404, "not_found")
    assert_problem(api(mallory).get(f"{URL}?collection=notes"), 404, "not_found")
    for user in (bob, mallory):
        assert api(user).get(URL).json()["items"] == []
        assert_problem(api(user).get(f"{URL}/{started}"), 404, "not_found")
        assert_problem(send(api(user), "POST", f"{URL}/{started}/cancel"), 404, "not_found")
    assert Evaluation.objects.get().is_live


@pytest.mark.parametrize("body", [b"{}", b'{"collection": 7}', b'{"collection": "notes", "index": 0}'])
def test_a_malformed_body_is_refused(body: bytes, alice: User, notes: Collection, api: Api) -> None:
    assert_problem(send(api(alice), "POST", URL, body), 400, "invalid")
    assert not Evaluation.objects.exists()


def test_an_index_that_is_none_is_not_found(alice: User, notes: Collection, api: Api) -> None:
    assert_problem(send(api(alice), "POST", URL, b'{"collection": "notes", "index": 32767}'), 404, "not_found")


@pytest.fixture
def candidate(oscar: User) -> ModelVersion:
    """It may be run: oscar reads a collection that has a golden question with a source."""
    oscar.groups.add(Group.objects.get_or_create(name="staff")[0])
    Route.objects.create(name=Route.DEFAULT, version=make_version("serving"))
    return make_version("candidate", state=VersionState.VERIFIED)


@pytest.fixture
def handbook(ada: User, candidate: ModelVersion) -> Collection:
    return make_handbook(ada)


GATE = b'{"kind": "gate", "version": "candidate", "suites": ["golden"], "marks": {"facts": 0.9}}'


def test_an_operator_runs_a_gate_and_reads_its_report(oscar: User, handbook: Collection, api: Api) -> None:
    client = api(oscar)
    response = send(client, "POST", URL, GATE)
    assert response.status_code == 202
    started = response.json()
    assert (started["kind"], started["version"], started["status"], started["passed"]) == (
        "gate",
        "candidate",
        "queued",
        None,
    )
    assert_problem(send(client, "POST", URL, GATE), 409, "gate_running")
    run_to_end(GateRun.objects.get())
    found = client.get(f"{URL}/{started['id']}").json()
    assert (found["status"], found["passed"]) == ("complete", True)
    assert found["marks"][0] == {
        "name": "facts",
        "value": 1.0,
        "limit": 0.9,
        "slack": 0.05,
        "baseline": None,
        "passed": True,
    }
    answer = client.get(f"{URL}/{started['id']}/answers").json()[0]
    assert (answer["answer"], answer["cited"], answer["readable"]) == ("You get 28 days.", ["leave.md"], True)
    assert_problem(send(client, "POST", f"{URL}/{started['id']}/cancel"), 409, "evaluation_over")


def test_both_kinds_stand_in_one_list(
    alice: User, ada: User, oscar: User, notes: Collection, handbook: Collection, api: Api
) -> None:
    search = run_search(collection=notes, index=get_whole_index(None), actor=ada)
    gates = []
    for _ in range(3):
        run = run_gate(user=oscar, version=ModelVersion.objects.get(name="candidate"), suites=["golden"])
        cancel_gate(user=oscar, run=run)
        gates.append(str(run.pk))
    client = api(ada)
    items = client.get(URL).json()["items"]
    assert [item["id"] for item in items] == [*reversed(gates), str(search.pk)]
    assert [item["kind"] for item in items] == ["gate", "gate", "gate", "search"]
    page, seen = client.get(f"{URL}?limit=2").json(), []
    while True:
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        page = client.get(f"{URL}?limit=2&cursor={page['next']}").json()
    assert seen == [item["id"] for item in items]
    assert len(client.get(f"{URL}?kind=gate").json()["items"]) == 3
    assert [item["kind"] for item in client.get(f"{URL}?kind=search").json()["items"]] == ["search"]
    assert client.get(f"{URL}?version=other").json()["items"] == []
    assert_problem(client.get(f"{URL}?kind=none"), 400, "invalid")
    assert_problem(client.get(f"{URL}?cursor=made-up"), 400, "invalid")


def test_gates_are_for_operators(alice: User, mallory: User, oscar: User, handbook: Collection, api: Api) -> None:
    started = send(api(oscar), "POST", URL, GATE).json()["id"]
    for user in (alice, mallory):
        assert_problem(send(api(user), "POST", URL, GATE), 403, "forbidden")
        assert_problem(send(api(user), "POST", URL, b'{"kind": "gate", "version": "none"}'), 403, "forbidden")
        assert api(user).get(f"{URL}?kind=gate").json()["items"] == []
        assert_problem(api(user).get(f"{URL}/{started}"), 404, "not_found")
        assert_problem(api(user).get(f"{URL}/{started}/answers"), 404, "not_found")
        assert_problem(send(api(user), "POST", f"{URL}/{started}/cancel"), 404, "not_found")
    assert send(api(oscar), "POST", f"{URL}/{started}/cancel").json()["status"] == "cancelled"


@pytest.mark.parametrize(
    "fields",
    [
        b'"version": null',
        b'"version": "candidate", "suites": ["all"]',
        b'"version": "candidate", "suites": []',
        b'"version": "candidate", "marks": {"facts": "high"}',
        b'"version": "candidate", "marks": {"none": 1}',
        b'"version": "candidate", "marks": [1]',
        b'"version": 7',
    ],
)
def test_a_malformed_gate_is_refused(fields: bytes, oscar: User, handbook: Collection, api: Api) -> None:
    assert_problem(send(api(oscar), "POST", URL, b'{"kind": "gate", ' + fields + b"}"), 400, "invalid")
    assert not GateRun.objects.exists()


def test_a_gate_of_no_version_is_not_found(oscar: User, handbook: Collection, api: Api) -> None:
    response = send(api(oscar), "POST", URL, b'{"kind": "gate", "version": "none"}')
    assert response.status_code == 404
