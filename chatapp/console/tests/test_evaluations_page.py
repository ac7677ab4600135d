"""The pages of release gates: who sees them, what they tell, and what can be done there."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chatapp.accounts.models import User
from chatapp.evaluation.gate import setup
from chatapp.evaluation.gate.sets import safety_set
from chatapp.evaluation.models import GateRun, GateState, Suite
from chatapp.evaluation.selectors import current_marks
from chatapp.evaluation.services import continue_gate, run_gate
from chatapp.evaluation.tests.gating import HOLIDAY, make_handbook, perfect, run_to_end
from chatapp.inference.models import ModelVersion, Route, VersionState
from chatapp.retrieval.models import Collection
from tests.versions import make_version

pytestmark = pytest.mark.django_db
ClientOf = Callable[[str], Client]
PAGE = "/console/evaluations/"
QUESTIONS = [Suite.GOLDEN, Suite.REFUSAL]


@pytest.fixture
def candidate(db: None) -> ModelVersion:
    Route.objects.create(name=Route.DEFAULT, version=make_version("serving", state=VersionState.SERVING))
    return make_version("candidate", state=VersionState.VERIFIED)


@pytest.fixture
def handbook(ada: User, oscar: User, monkeypatch: pytest.MonkeyPatch) -> Collection:
    monkeypatch.setattr(setup, "safety_set", lambda: safety_set()[:2])
    oscar.groups.add(Group.objects.get_or_create(name="staff")[0])
    return make_handbook(ada)


@pytest.fixture
def ended(oscar: User, candidate: ModelVersion, handbook: Collection) -> GateRun:
    return run_to_end(run_gate(user=oscar, version=candidate, suites=QUESTIONS))


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_strangers_find_nothing_and_reviewers_may_not(
    client_of: ClientOf, mallory: User, mona: User, ended: GateRun
) -> None:
    for address in ("", "marks/", f"{ended.pk}/", f"{ended.pk}/compare/?with={ended.pk}"):
        assert Client().get(PAGE + address).status_code == 302
        assert client_of("mallory").get(PAGE + address).status_code == 404
        assert client_of("mona").get(PAGE + address).status_code == 403
    for address in ("start/", "marks/set/", f"{ended.pk}/cancel/"):
        assert client_of("mallory").post(PAGE + address).status_code == 404
        assert client_of("mona").post(PAGE + address).status_code == 403
    assert client_of("oscar").post(f"{PAGE}marks/set/").status_code == 403
    assert client_of("oscar").get(f"{PAGE}{uuid4()}/").status_code == 404


def test_the_list_is_empty_at_first_and_says_what_the_gate_is(client_of: ClientOf, oscar: User) -> None:
    page = text_of(client_of("oscar").get(PAGE))
    assert "No version went through the gate yet" in page
    assert "No run meets the filter" in text_of(client_of("oscar").get(f"{PAGE}?version=none"))
    assert "No run meets the filter" in text_of(client_of("oscar").get(f"{PAGE}?state=%00&version=%00"))


def test_an_operator_runs_a_gate_and_sees_how_it_went(
    client_of: ClientOf, oscar: User, candidate: ModelVersion, handbook: Collection
) -> None:
    client = client_of("oscar")
    fields = {"version": str(candidate.pk), "suite": QUESTIONS, "limit_facts": "0,9", "limit_safety": ""}
    response = client.post(f"{PAGE}start/", fields)
    run = GateRun.objects.get()
    assert response["Location"] == f"{PAGE}{run.pk}/"
    assert (run.suites, run.marks["facts"]["limit"]) == (["golden", "refusal"], 0.9)
    live = text_of(client.get(f"{PAGE}{run.pk}/"))
    assert 'aria-busy="true"' in live
    assert "Waiting for a worker" in live
    run_to_end(run)
    page = text_of(client.get(f"{PAGE}{run.pk}/"))
    assert "Passed" in page
    assert HOLIDAY in page
    assert "You get 28 days." in page
    assert "Cites leave.md" in page
    assert "aria-busy" not in page
    row = text_of(client.get(PAGE))
    assert "candidate" in row
    assert "100 %" in row


def test_what_failed_comes_first_and_can_be_shown_alone(
    client_of: ClientOf, oscar: User, candidate: ModelVersion, handbook: Collection
) -> None:
    run = run_gate(user=oscar, version=candidate, suites=QUESTIONS)
    run_to_end(run, lambda result: ("It is 30 <b>days</b>.", []) if result.suite == "golden" else perfect(result))
    client = client_of("oscar")
    page = text_of(client.get(f"{PAGE}{run.pk}/?show=failed"))
    assert "It is 30 &lt;b&gt;days&lt;/b&gt;." in page
    assert page.count('data-testid="gate-answer"') == 1
    assert "Right facts: no" in page
    assert "Right facts" in text_of(client.get(PAGE))  # The mark that it missed.
    assert client.get(f"{PAGE}{run.pk}/?show=none&page=99").status_code == 200


def test_who_may_not_read_a_collection_sees_neither_question_nor_answer(client_of: ClientOf, ended: GateRun) -> None:
    otto = User.objects.create(username="otto", roles=["employee", "model_operator"])
    otto.own_roles = otto.roles
    otto.save()
    page = text_of(client_of("otto").get(f"{PAGE}{ended.pk}/"))
    assert "A question of a collection that you may not read" in page
    for secret in (HOLIDAY, "28 days", "leave.md"):
        assert secret not in page
    assert secret not in text_of(client_of("otto").get(f"{PAGE}{ended.pk}/compare/?with={ended.pk}"))


def test_two_runs_are_compared(client_of: ClientOf, oscar: User, candidate: ModelVersion, ended: GateRun) -> None:
    worse = run_gate(user=oscar, version=candidate, suites=QUESTIONS)
    run_to_end(worse, lambda result: ("30 days", []) if result.suite == "golden" else perfect(result))
    page = text_of(client_of("oscar").get(f"{PAGE}{worse.pk}/compare/?with={ended.pk}"))
    assert page.count('data-kind="worse"') == 1
    assert 'data-kind="better"' not in page
    assert "You get 28 days." in page
    assert "30 days" in page
    for other in ("", "x", str(uuid4())):
        assert client_of("oscar").get(f"{PAGE}{worse.pk}/compare/?with={other}").status_code == 404


def test_a_run_is_cancelled_once(
    client_of: ClientOf, oscar: User, candidate: ModelVersion, handbook: Collection
) -> None:
    run = run_gate(user=oscar, version=candidate)
    client = client_of("oscar")
    assert "cancelled" in text_of(client.post(f"{PAGE}{run.pk}/cancel/", follow=True))
    assert GateRun.objects.get().state == GateState.CANCELLED
    assert "over already" in text_of(client.post(f"{PAGE}{run.pk}/cancel/", follow=True))


@pytest.mark.parametrize(
    "fields",
    [{}, {"version": "x"}, {"suite": "none"}, {"limit_facts": "much"}, {"limit_facts": "nan"}, {"limit_facts": "-1"}],
)
def test_a_malformed_start_is_refused(
    client_of: ClientOf, candidate: ModelVersion, handbook: Collection, fields: dict[str, str]
) -> None:
    given = {"version": str(candidate.pk), **fields} if fields else {}
    response = client_of("oscar").post(f"{PAGE}start/", given)
    assert response.status_code in {302, 400}
    assert not GateRun.objects.exists()


def test_a_refusal_is_said_on_the_list(client_of: ClientOf, oscar: User, candidate: ModelVersion) -> None:
    response = client_of("oscar").post(f"{PAGE}start/", {"version": str(candidate.pk)}, follow=True)
    assert "golden question" in text_of(response)


def test_the_administrator_sets_the_marks(client_of: ClientOf, ada: User, oscar: User) -> None:
    assert "Administrators set them" in text_of(client_of("oscar").get(f"{PAGE}marks/"))
    assert 'name="limit_facts"' in text_of(client_of("ada").get(f"{PAGE}marks/"))
    fields = {"limit_facts": "0.7", "slack_facts": "", "limit_speed": "5"}
    assert "saved" in text_of(client_of("ada").post(f"{PAGE}marks/set/", fields, follow=True))
    assert (current_marks()["facts"].limit, current_marks()["facts"].slack) == (0.7, None)
    assert current_marks()["speed"].limit == 5
    assert current_marks()["safety"].limit == 0.95


def test_the_list_takes_the_same_number_of_queries(
    client_of: ClientOf, oscar: User, candidate: ModelVersion, ended: GateRun
) -> None:
    client = client_of("oscar")
    before = _count(client)
    for number in range(3):
        run_to_end(run_gate(user=oscar, version=make_version(f"v{number}"), suites=QUESTIONS))
    assert _count(client) == before


def _count(client: Client) -> int:
    with CaptureQueriesContext(connection) as queries:
        client.get(PAGE)
    return len(queries)


def test_a_live_page_is_asked_for_its_part_alone(
    client_of: ClientOf, oscar: User, candidate: ModelVersion, handbook: Collection
) -> None:
    run = run_gate(user=oscar, version=candidate)
    continue_gate(run_id=run.pk)
    for address in (PAGE, f"{PAGE}{run.pk}/"):
        part = text_of(client_of("oscar").get(address, headers={"HX-Request": "true"}))
        assert "<html" not in part
        assert "data-poll" in part
