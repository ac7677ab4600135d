"""The load test: what it measures, that it gives way to people, and what a worker makes of it in a gate."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.tests.conftest import scripted, worker
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.evaluation.gate import load as load_test
from chatapp.evaluation.gate import setup
from chatapp.evaluation.gate.judging import judge_answer
from chatapp.evaluation.gate.load import LoadFigures, LoadTest, NotMeasuredError
from chatapp.evaluation.models import GateResult, GateRun, GateState, Suite
from chatapp.evaluation.services import cancel_gate, continue_gate, prepare_comparisons, run_gate, sweep_gates
from chatapp.evaluation.tests.comparing import start
from chatapp.evaluation.tests.gating import make_handbook, run_to_end
from chatapp.evaluation.workers.gates import bench_of, measure_on
from chatapp.inference.engine import EngineError
from chatapp.inference.models import ModelVersion, RouteRule, SideWork, Task, VersionState
from chatapp.inference.testing import ScriptedModel
from tests.versions import make_version

__all__ = ["scripted", "worker"]
SECONDS = 0.4


def load(
    model: ScriptedModel,
    *,
    room: Callable[[], int] = lambda: 3,
    goes_on: Callable[[], bool] = lambda: True,
    system_prompt: str = "rate=200 tokens=20",
    seconds: float = SECONDS,
) -> LoadFigures:
    return LoadTest(
        model=model,
        system_prompt=system_prompt,
        streams=3,
        seconds=seconds,
        scope="test",
        room=room,
        goes_on=goes_on,
    ).run()


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    model = ScriptedModel(slots=3)
    yield model
    model.close()


def test_it_measures_streams_beside_each_other(model: ScriptedModel) -> None:
    found = load(model)
    assert (found.streams, found.errors, found.paused) == (3, 0, 0)
    assert found.seconds >= SECONDS
    assert found.answers >= 3
    # 600 tokens a second is what three streams can write; a busy machine is slower, and none is faster.
    assert 60 < found.speed <= 660
    assert found.stream_speed is not None
    assert found.stream_speed <= 220
    assert found.first_token_p50 is not None
    assert found.first_token_p95 is not None
    assert 0 < found.first_token_p50 <= found.first_token_p95 < SECONDS
    time.sleep(0.1)  # The engine looks for ended streams twenty times a second.
    assert model.stats().slots_busy == 0


def test_a_slower_version_is_seen(model: ScriptedModel) -> None:
    slow = load(model, system_prompt="rate=40 tokens=20 prefill=0.1")
    fast = load(model)
    assert slow.speed < 0.6 * fast.speed
    assert slow.first_token_p50 is not None
    assert slow.first_token_p50 >= 0.1


def test_who_says_nothing_in_time_is_slow(model: ScriptedModel) -> None:
    found = load(model, system_prompt="rate=200 tokens=20 prefill=30")
    assert (found.tokens, found.answers) == (0, 0)
    assert found.first_token_p95 is not None
    assert found.first_token_p95 >= 0.9 * SECONDS


def test_errors_are_counted_and_end_it(model: ScriptedModel) -> None:
    found = load(model, system_prompt="rate=5000 tokens=4 fail_every=1", seconds=60)
    assert found.errors >= 20
    assert (found.answers, found.seconds < 60) == (0, True)


def test_people_take_their_places_and_the_clock_stands(model: ScriptedModel) -> None:
    until = time.monotonic() + SECONDS
    most: list[int] = []

    def room() -> int:
        most.append(model.stats().slots_busy)
        return 1 if time.monotonic() < until else 3

    found = load(model, room=room)
    assert found.paused >= 0.9 * SECONDS
    assert found.seconds >= SECONDS
    assert max(most[: len(most) // 4]) <= 1


def test_where_people_need_all_it_gives_up(model: ScriptedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_test, "GIVE_UP_AFTER", 1.5)
    with pytest.raises(NotMeasuredError):
        load(model, room=lambda: 0)


def test_it_ends_when_told(model: ScriptedModel) -> None:
    began = time.monotonic()
    with pytest.raises(NotMeasuredError):
        load(model, goes_on=lambda: time.monotonic() - began < 0.1)
    assert time.monotonic() - began < SECONDS


@pytest.fixture
def gate(scripted: ModelVersion, ada: User, oscar: User, settings: object, monkeypatch: pytest.MonkeyPatch) -> GateRun:
    """Of a candidate, with only the load test left."""
    settings.GATE_LOAD_SECONDS = 1  # type: ignore[attr-defined]
    monkeypatch.setattr(setup, "safety_set", lambda: ())
    monkeypatch.setattr(setup, "unanswerable", lambda: ())
    oscar.groups.add(Group.objects.get_or_create(name="staff")[0])
    make_handbook(ada)
    candidate = make_version("candidate", state=VersionState.VERIFIED, system_prompt="rate=10 tokens=20")
    return run_to_end(run_gate(user=oscar, version=candidate))


@pytest.mark.django_db(transaction=True)
def test_a_worker_measures_beside_the_serving_version(gate: GateRun, worker: InferenceWorker) -> None:
    measure_on(worker, gate.pk)
    gate.refresh_from_db()
    figures = gate.figures
    assert (gate.worker, gate.lease) == (worker.name, None)
    assert figures["load"]["streams"] == figures["load_before"]["streams"] > 0
    assert 0.1 < figures["speed_ratio"] < 0.7  # It writes a third as fast.
    assert sweep_gates() == []
    gate.refresh_from_db()
    assert gate.state == GateState.COMPLETE
    assert {one["key"]: one["passed"] for one in gate.report}["speed_ratio"] is False
    assert gate.passed is False


@pytest.mark.django_db
def test_while_it_measures_nobody_elses_trials_are_asked(gate: GateRun, oscar: User) -> None:
    other = run_gate(user=oscar, version=make_version("other"), suites=[Suite.GOLDEN])
    start(oscar, "Who?", first=gate.version, second=other.version)
    held = GateRun.objects.filter(pk=gate.pk)
    held.update(lease=uuid4(), lease_until=timezone.now() + timedelta(minutes=1))

    def asked() -> int:
        continue_gate(run_id=other.pk)
        prepare_comparisons()
        return Generation.objects.filter(status=Status.QUEUED).count()

    assert asked() == 0
    held.update(setup={**gate.setup, "judge": "judge"})  # Its answers are judged first, which nobody disturbs.
    assert asked() == 1 + 2


@pytest.mark.django_db(transaction=True)
def test_another_workers_gate_is_left(gate: GateRun, worker: InferenceWorker) -> None:
    gate.setup["worker"] = "inference@elsewhere:1"
    gate.save()
    measure_on(worker, gate.pk)
    assert sweep_gates() == [gate.pk]
    assert not GateResult.objects.get(run=gate, suite=Suite.LOAD).passed


@pytest.mark.django_db(transaction=True)
def test_a_cancelled_gate_is_not_measured_on(gate: GateRun, worker: InferenceWorker, oscar: User) -> None:
    cancel_gate(user=oscar, run=gate)
    measure_on(worker, gate.pk)
    gate.refresh_from_db()
    assert (gate.state, gate.figures.get("load")) == (GateState.CANCELLED, None)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_rests_lets_go(gate: GateRun, worker: InferenceWorker) -> None:
    worker.resting.set()
    measure_on(worker, gate.pk)
    gate.refresh_from_db()
    assert (gate.state in {GateState.QUEUED, GateState.RUNNING}, gate.lease, gate.attempts) == (True, None, 0)


@pytest.mark.django_db(transaction=True)
def test_a_version_that_cannot_be_loaded_ends_it_after_three_tries(gate: GateRun, worker: InferenceWorker) -> None:
    worker.pool._load = _broken
    bench = bench_of(worker)
    assert bench.serves(gate.version)
    for _ in range(3):
        measure_on(worker, gate.pk)
        worker.pool.forgive(gate.version)
        GateRun.objects.filter(pk=gate.pk).update(lease_until=None)
    gate.refresh_from_db()
    assert gate.state == GateState.FAILED
    assert "could not be run" in gate.error


def _broken(*_: object, **__: object) -> ScriptedModel:
    raise EngineError("broken")


@pytest.mark.django_db(transaction=True)
def test_a_judge_grades_beside_and_its_tokens_count(
    gate: GateRun, worker: InferenceWorker, scripted: ModelVersion
) -> None:
    judge = make_version("judge")
    says = ['{"reason": "It says so.", ', '"right": true}']
    worker.pool._load = lambda version, **_: ScriptedModel(tokens=says if version == judge else None, rate=500)
    RouteRule.objects.create(route_id="default", position=0, version=judge, task=Task.JUDGE)
    GateRun.objects.filter(pk=gate.pk).update(setup={**gate.setup, "judge": "judge"})
    measure_on(worker, gate.pk)
    graded = GateResult.objects.get(run=gate, suite=Suite.GOLDEN)
    assert graded.grades == {"facts": True, "citations": True, "judge": True}
    works = SideWork.objects.filter(task=Task.JUDGE, version=judge)
    assert {(work.completion_tokens, work.user) for work in works} == {(2, gate.started_by)}
    continue_gate(run_id=gate.pk)
    gate.refresh_from_db()
    assert (gate.state, gate.figures["judged"]) == (GateState.COMPLETE, 1.0)


@pytest.mark.parametrize(
    "written, grade",
    [('{"reason": "", "right": false}', False), ('{"right": "yes"}', None), ("It is right.", None), ("", None)],
)
def test_only_a_verdict_is_a_grade(written: str, grade: bool | None) -> None:
    model = ScriptedModel(tokens=[written], rate=1000)
    try:
        found, usage = judge_answer(
            model, "scripted", question="Q", reference="R", answer="</s>A", goes_on=lambda: True
        )
    finally:
        model.close()
    assert (found, usage.completion_tokens) == (grade, 1)


def test_a_judgement_ends_with_its_run() -> None:
    model = ScriptedModel(rate=5)
    try:
        with pytest.raises(EngineError):
            judge_answer(model, "scripted", question="Q", reference="R", answer="A", goes_on=lambda: False)
    finally:
        model.close()
