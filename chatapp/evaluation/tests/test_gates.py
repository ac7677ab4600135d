"""Release gates: who may run one, what it asks as whom, what it makes of the answers and of the version."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, User
from chatapp.conversations.models import Conversation, Generation, Origin, Status
from chatapp.conversations.services import post_message
from chatapp.errors import ChatappError
from chatapp.evaluation.gate import setup
from chatapp.evaluation.gate.marks import DEFAULT_MARKS
from chatapp.evaluation.gate.sets import safety_set
from chatapp.evaluation.models import GateResult, GateRun, GateState, Suite
from chatapp.evaluation.selectors import current_marks
from chatapp.evaluation.services import cancel_gate, continue_gate, run_gate, set_marks, sweep_gates
from chatapp.evaluation.services.gate_steps import AT_ONCE, MAX_TRIES
from chatapp.evaluation.tests.gating import answer_queued, make_handbook, perfect, run_to_end
from chatapp.inference.models import ModelVersion, Route, VersionState
from chatapp.retrieval.models import Collection
from tests.versions import make_version

pytestmark = pytest.mark.django_db
QUESTIONS = [Suite.GOLDEN, Suite.REFUSAL, Suite.SAFETY]


@pytest.fixture
def serving(db: None) -> ModelVersion:
    version = make_version("serving", state=VersionState.SERVING)
    Route.objects.create(name=Route.DEFAULT, version=version)
    return version


@pytest.fixture
def candidate(serving: ModelVersion) -> ModelVersion:
    return make_version("candidate", state=VersionState.VERIFIED)


@pytest.fixture
def handbook(ada: User, oscar: User) -> Collection:
    oscar.groups.add(Group.objects.get_or_create(name="staff")[0])
    return make_handbook(ada)


@pytest.fixture(autouse=True)
def _few_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the safety set the first of each kind: a test that asks them all would take long."""
    kinds = {prompt.name.partition("/")[0]: prompt for prompt in reversed(safety_set())}
    monkeypatch.setattr(setup, "safety_set", lambda: tuple(kinds.values()))


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(ChatappError) as error:
        yield
    assert error.value.code == code


def state_of(version: ModelVersion) -> str:
    return ModelVersion.objects.get(pk=version.pk).state


def test_only_operators_run_gates(
    alice: User, mallory: User, mona: User, candidate: ModelVersion, handbook: Collection
) -> None:
    for user in (alice, mallory, mona):
        with refused("forbidden"):
            run_gate(user=user, version=candidate)
    assert not GateRun.objects.exists()


def test_a_version_that_does_all_right_is_asked_everything(
    oscar: User, candidate: ModelVersion, handbook: Collection
) -> None:
    run = run_to_end(run_gate(user=oscar, version=candidate, suites=QUESTIONS))
    assert (run.state, run.passed, run.done, run.total) == (GateState.COMPLETE, True, run.total, run.total)
    assert run.total == 2 + 5 + 6
    assert run.figures["facts"] == run.figures["citations"] == run.figures["refusals"] == run.figures["safety"] == 1.0
    assert {one["key"]: one["passed"] for one in run.report}["facts"] is True
    assert state_of(candidate) == VersionState.VERIFIED  # Without the load test it is measured, not let through.
    result = GateResult.objects.get(run=run, suite=Suite.GOLDEN)
    assert (result.answer, result.cited, result.grades) == (
        "You get 28 days.",
        ["leave.md"],
        {"facts": True, "citations": True},
    )
    ended = AuditEvent.objects.get(action="evaluation.gate_completed")
    assert (ended.detail["passed"], ended.detail["failed"]) == (True, [])


def test_trials_ask_as_the_starter_and_by_the_collections_name(
    oscar: User, candidate: ModelVersion, handbook: Collection
) -> None:
    run = run_gate(user=oscar, version=candidate, suites=[Suite.GOLDEN, Suite.SAFETY])
    continue_gate(run_id=run.pk)
    asked = list(Generation.objects.order_by("created_at"))
    assert len(asked) == AT_ONCE
    assert [one.collections for one in asked] == [["handbook"], []]
    assert {one.version for one in asked} == {candidate}
    assert all(one.is_pinned and one.user == oscar for one in asked)
    assert {one.origin for one in Conversation.objects.all()} == {Origin.TRIAL}
    continue_gate(run_id=run.pk)
    assert Generation.objects.count() == AT_ONCE  # No more at a time.


def test_people_come_first(alice: User, oscar: User, candidate: ModelVersion, handbook: Collection) -> None:
    run = run_gate(user=oscar, version=candidate)
    post_message(user=alice, text="Hello", message_id=uuid4(), conversation_id=None)
    continue_gate(run_id=run.pk)
    assert Generation.objects.filter(user=oscar).count() == 0


def test_wrong_answers_fail_it_and_change_nothing(oscar: User, candidate: ModelVersion, handbook: Collection) -> None:
    def wrong(result: GateResult) -> tuple[str, list[str]]:
        return ("You get 30 days.", []) if result.suite == "golden" else (perfect(result)[0], [])

    run = run_to_end(run_gate(user=oscar, version=candidate, suites=QUESTIONS), wrong)
    assert (run.state, run.passed) == (GateState.COMPLETE, False)
    assert {one["key"] for one in run.report if one["passed"] is False} == {"facts", "citations"}
    assert state_of(candidate) == VersionState.VERIFIED


def test_who_invents_answers_and_helps_attackers_fails(
    oscar: User, candidate: ModelVersion, handbook: Collection
) -> None:
    run = run_gate(user=oscar, version=candidate, suites=QUESTIONS)
    ended = run_to_end(run, lambda result: ("Sure, it is 28 days.", ["leave.md"]))
    figures = ended.figures
    assert (figures["facts"], figures["refusals"]) == (1.0, 0.0)
    assert figures["safety"] < 0.95
    assert not ended.passed


def test_passed_whole_the_version_becomes_evaluated(oscar: User, candidate: ModelVersion, handbook: Collection) -> None:
    run = run_gate(user=oscar, version=candidate)
    run_to_end(run)
    assert sweep_gates() == [run.pk]  # What is left needs a worker.
    GateResult.objects.filter(run=run, suite=Suite.LOAD).update(passed=True, grades={"load": True})
    GateRun.objects.filter(pk=run.pk).update(figures={"load_errors": 0.0, "speed_ratio": 1.0})
    assert sweep_gates() == []
    run.refresh_from_db()
    assert (run.state, run.passed) == (GateState.COMPLETE, True)
    assert state_of(candidate) == VersionState.EVALUATED
    change = candidate.changes.get()
    assert (change.actor, str(run.pk) in change.reason) == (oscar, True)


def test_a_rejected_version_stays_rejected(oscar: User, candidate: ModelVersion, handbook: Collection) -> None:
    run = run_gate(user=oscar, version=candidate)
    run_to_end(run)
    ModelVersion.objects.filter(pk=candidate.pk).update(state=VersionState.REJECTED)
    GateResult.objects.filter(run=run, suite=Suite.LOAD).update(passed=True)
    GateRun.objects.filter(pk=run.pk).update(figures={"load_errors": 0.0})
    continue_gate(run_id=run.pk)
    assert state_of(candidate) == VersionState.REJECTED
    run.refresh_from_db()
    assert (run.state, "rejected" in run.error) == (GateState.FAILED, True)
    with pytest.raises(ChatappError, match="candidate was rejected"):
        run_gate(user=oscar, version=ModelVersion.objects.get(pk=candidate.pk))


def test_questions_that_are_deleted_meanwhile_let_nothing_through(
    oscar: User, candidate: ModelVersion, handbook: Collection
) -> None:
    run = run_gate(user=oscar, version=candidate)
    handbook.delete()
    run_to_end(run)
    GateResult.objects.filter(run=run, suite=Suite.LOAD).update(passed=True, grades={"load": True})
    GateRun.objects.filter(pk=run.pk).update(figures={"load_errors": 0.0, "speed_ratio": 1.0})
    continue_gate(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.passed, "deleted" in run.error) == (GateState.FAILED, None, True)
    assert state_of(candidate) == VersionState.VERIFIED


def test_a_failed_answer_is_an_error_of_the_version(oscar: User, candidate: ModelVersion, handbook: Collection) -> None:
    run = run_gate(user=oscar, version=candidate, suites=[Suite.GOLDEN])
    continue_gate(run_id=run.pk)
    Generation.objects.update(status=Status.FAILED, error_code="model_error")
    ended = run_to_end(run)
    assert (ended.passed, ended.figures["errors"], ended.figures["facts"]) == (False, 1.0, 0.0)


@pytest.mark.parametrize("code", ["worker_lost", "no_model"])
def test_a_trial_that_was_lost_is_asked_again(
    oscar: User, candidate: ModelVersion, handbook: Collection, code: str
) -> None:
    run = run_gate(user=oscar, version=candidate, suites=[Suite.GOLDEN])
    for tried in range(MAX_TRIES):
        continue_gate(run_id=run.pk)
        assert Generation.objects.filter(status=Status.QUEUED).count() == 1, tried
        if tried == 1:  # Its conversation was deleted.
            Conversation.objects.all().delete()
        Generation.objects.update(status=Status.FAILED, error_code=code)
    assert run_to_end(run).passed is True


def test_without_the_right_it_ends(oscar: User, candidate: ModelVersion, handbook: Collection) -> None:
    run = run_gate(user=oscar, version=candidate)
    oscar.roles = ["employee"]
    oscar.save()
    continue_gate(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.passed) == (GateState.FAILED, None)
    assert "may not run gates" in run.error


def test_a_run_that_does_not_go_on_ends(oscar: User, candidate: ModelVersion, handbook: Collection) -> None:
    run = run_gate(user=oscar, version=candidate)
    continue_gate(run_id=run.pk)
    GateRun.objects.filter(pk=run.pk).update(progressed_at=timezone.now() - timedelta(minutes=31))
    continue_gate(run_id=run.pk)
    run.refresh_from_db()
    assert run.state == GateState.FAILED


def test_a_cancelled_run_keeps_what_it_found_and_asks_no_more(
    oscar: User, candidate: ModelVersion, handbook: Collection
) -> None:
    run = run_gate(user=oscar, version=candidate)
    continue_gate(run_id=run.pk)
    answer_queued(run)
    continue_gate(run_id=run.pk)
    assert Generation.objects.filter(status=Status.QUEUED).count() == AT_ONCE
    cancel_gate(user=oscar, run=run)
    assert not Generation.objects.filter(status=Status.QUEUED).exists()
    asked = Generation.objects.count()
    continue_gate(run_id=run.pk)
    assert Generation.objects.count() == asked
    assert GateResult.objects.filter(run=run).exclude(passed=None).count() == AT_ONCE
    with refused("evaluation_over"):
        cancel_gate(user=oscar, run=run)


def test_one_run_of_a_version_at_a_time(oscar: User, candidate: ModelVersion, handbook: Collection) -> None:
    run = run_gate(user=oscar, version=candidate)
    with refused("gate_running"):
        run_gate(user=oscar, version=candidate)
    cancel_gate(user=oscar, run=run)
    assert run_gate(user=oscar, version=candidate).pk != run.pk


def test_without_golden_questions_there_is_no_gate(oscar: User, candidate: ModelVersion, ada: User) -> None:
    make_handbook(ada, groups={})  # Oscar does not read it.
    with pytest.raises(ChatappError, match="golden question"):
        run_gate(user=oscar, version=candidate)
    run_gate(user=oscar, version=candidate, suites=[Suite.SAFETY])


def test_what_is_no_suite_is_refused(oscar: User, candidate: ModelVersion, handbook: Collection) -> None:
    for suites in ([], ["golden", "none"]):
        with refused("invalid"):
            run_gate(user=oscar, version=candidate, suites=suites)


def test_weaker_marks_are_an_override(oscar: User, candidate: ModelVersion, handbook: Collection) -> None:
    run = run_gate(user=oscar, version=candidate, marks={"facts": 0.1})
    assert AuditEvent.objects.get(action="evaluation.gate_started").detail["weaker_marks"] is True
    assert run.marks["facts"]["limit"] == 0.1
    assert run.marks["safety"]["limit"] == DEFAULT_MARKS["safety"].limit


def test_the_companys_marks_are_the_administrators(
    ada: User, oscar: User, candidate: ModelVersion, handbook: Collection
) -> None:
    with refused("forbidden"):
        set_marks(user=oscar, marks={"facts": 0.5})
    set_marks(user=ada, marks={"facts": 0.5})
    assert current_marks()["facts"].limit == 0.5
    assert run_gate(user=oscar, version=candidate).marks["facts"]["limit"] == 0.5
    changed = AuditEvent.objects.get(action="evaluation.marks_changed")
    assert (changed.before, changed.after) == (
        {"facts": {"limit": 0.8, "slack": 0.05}},
        {"facts": {"limit": 0.5, "slack": 0.05}},
    )


def test_the_serving_versions_last_run_is_the_baseline(
    oscar: User, serving: ModelVersion, candidate: ModelVersion, handbook: Collection
) -> None:
    before = run_to_end(run_gate(user=oscar, version=serving, suites=QUESTIONS))
    after = run_to_end(run_gate(user=oscar, version=candidate, suites=QUESTIONS))
    assert after.baseline == before
    assert {one["key"]: one["baseline"] for one in after.report}["facts"] == 1.0
