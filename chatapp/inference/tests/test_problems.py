"""What workers tell of versions that they cannot answer with, and the operator's way to have them tried again."""

from collections.abc import Iterator
from typing import Any

import pytest

from chatapp.accounts.models import AuditEvent, User
from chatapp.errors import ChatappError
from chatapp.inference import services
from chatapp.inference.engine import EngineError
from chatapp.inference.health import count_states, has_open_problem, list_routed_versions
from chatapp.inference.models import (
    ModelVersion,
    Provider,
    Route,
    RouteArm,
    RouteFallback,
    RouteRule,
    VersionProblem,
    WorkerKind,
)
from chatapp.inference.pool import EnginePool, can_serve
from chatapp.inference.pool.loading import MakeRoom
from chatapp.inference.pool.reporting import ProblemReports
from chatapp.inference.presence import forget_presence, report_presence, worker_name

pytestmark = pytest.mark.django_db

HERE = worker_name(WorkerKind.INFERENCE)


def make_version(name: str) -> ModelVersion:
    return ModelVersion.objects.create(name=name, provider=Provider.SCRIPTED, context_tokens=1000)


@pytest.fixture
def version(settings: Any) -> ModelVersion:
    settings.SCRIPTED_MODEL = True
    return make_version("scripted")


@pytest.fixture
def broken() -> Iterator[EnginePool]:
    def load(version: ModelVersion, *, make_room: MakeRoom) -> Any:
        raise EngineError(f"{version.name} is damaged")

    pool = EnginePool(load=load)
    yield pool
    pool.close()


def fail(pool: EnginePool, version: ModelVersion) -> None:
    assert isinstance(pool.prepare(version).exception(timeout=10), EngineError)


def test_a_problem_is_told_once_and_taken_back(broken: EnginePool, version: ModelVersion) -> None:
    reports = ProblemReports(broken, worker=HERE)
    fail(broken, version)
    reports.sync()
    reports.sync()
    problem = VersionProblem.objects.get()
    assert (problem.version, problem.worker, problem.reason) == (version, HERE, "scripted is damaged")
    assert has_open_problem(version)
    assert not can_serve(version)
    broken.forgive(version)
    reports.sync()
    assert not VersionProblem.objects.exists()
    assert can_serve(version)


def test_an_operator_has_it_tried_again(broken: EnginePool, version: ModelVersion, mallory: User, oscar: User) -> None:
    reports = ProblemReports(broken, worker=HERE)
    fail(broken, version)
    reports.sync()
    with pytest.raises(ChatappError, match="forbidden"):
        services.retry_version(user=mallory, version=version)
    services.retry_version(user=oscar, version=version)
    reports.sync()
    assert (broken.problems(), broken.serves(version)) == ({}, True)
    assert AuditEvent.objects.filter(action="inference.version_retried").count() == 1
    services.retry_version(user=oscar, version=version)
    assert AuditEvent.objects.filter(action="inference.version_retried").count() == 1


def test_a_worker_that_leaves_takes_its_problems_along(version: ModelVersion) -> None:
    report_presence(kind=WorkerKind.INFERENCE, ready=True)
    services.report_problem(version=version, worker=HERE, reason="x" * 900)
    services.report_problem(version=version, worker="another", reason="x")
    assert len(VersionProblem.objects.get(worker=HERE).reason) == 500
    forget_presence(WorkerKind.INFERENCE)
    assert [problem.worker for problem in VersionProblem.objects.all()] == ["another"]


def test_presence_says_what_is_loaded_loading_and_can_be(version: ModelVersion) -> None:
    other = make_version("other")
    report_presence(
        kind=WorkerKind.INFERENCE, ready=True, loaded=[version.id], serves=[version.id, other.id], loading=[other.id]
    )
    services.report_problem(version=other, worker=HERE, reason="x")
    services.report_problem(version=version, worker="a worker that has gone", reason="x")
    assert dict(count_states()) == {
        "scripted": {"loaded": 1, "loading": 0, "serving": 1, "broken": 0},
        "other": {"loaded": 0, "loading": 1, "serving": 1, "broken": 1},
    }


def test_every_part_of_a_route_counts_as_routed(version: ModelVersion) -> None:
    assert list_routed_versions() == set()
    arm, rule, fallback = (make_version(name) for name in ("arm", "rule", "fallback"))
    make_version("unused")
    route = Route.objects.create(name=Route.DEFAULT, version=version)
    RouteArm.objects.create(route=route, version=arm, starts_at=0, ends_at=100)
    RouteRule.objects.create(route=route, version=rule, position=0)
    RouteFallback.objects.create(route=route, version=fallback, position=0)
    assert list_routed_versions() == {version.id, arm.id, rule.id, fallback.id}
