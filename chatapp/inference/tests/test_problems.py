"""What workers tell of versions that they cannot answer with, and the operator's way to have them tried again."""

from collections.abc import Iterator
from datetime import timedelta
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
from chatapp.inference.presence import Report, forget_presence, report_presence, worker_name
from chatapp.inference.services.route_plans import RuleSpec

pytestmark = pytest.mark.django_db

HERE = worker_name(WorkerKind.INFERENCE)


def make_version(name: str) -> ModelVersion:
    return ModelVersion.objects.create(name=name, provider=Provider.SCRIPTED, context_tokens=1000, state="evaluated")


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
    with pytest.raises(ChatappError) as caught:
        services.retry_version(user=mallory, version=version)
    assert caught.value.code == "forbidden"
    services.retry_version(user=oscar, version=version)
    reports.sync()
    assert (broken.problems(), broken.serves(version)) == ({}, True)
    assert AuditEvent.objects.filter(action="inference.version_retried").count() == 1
    services.retry_version(user=oscar, version=version)
    assert AuditEvent.objects.filter(action="inference.version_retried").count() == 1


def test_a_worker_that_leaves_takes_its_problems_along(version: ModelVersion) -> None:
    report_presence(WorkerKind.INFERENCE, Report(ready=True))
    services.report_problem(version=version, worker=HERE, reason="x" * 900)
    services.report_problem(version=version, worker="another", reason="x")
    assert len(VersionProblem.objects.get(worker=HERE).reason) == 500
    forget_presence(WorkerKind.INFERENCE)
    assert [problem.worker for problem in VersionProblem.objects.all()] == ["another"]


def test_presence_says_what_is_loaded_loading_and_can_be(version: ModelVersion) -> None:
    other = make_version("other")
    report_presence(
        WorkerKind.INFERENCE, Report(ready=True, loaded=[version.id], serves=[version.id, other.id], loading=[other.id])
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


class TestActivation:
    """A version that no worker can answer with is not put before users: they stay on the one that serves."""

    @pytest.fixture
    def serving(self, version: ModelVersion) -> ModelVersion:
        Route.objects.create(name=Route.DEFAULT, version=version)
        report_presence(WorkerKind.INFERENCE, Report(ready=True, loaded=[version.id], serves=[version.id]))
        return version

    @pytest.fixture
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A version cannot be made older than it is: workers have looked at it the moment that it is there."""
        monkeypatch.setattr("chatapp.inference.services.problems._LOOKED_AT_AFTER", timedelta(0))

    def test_it_is_refused_with_the_reason(self, serving: ModelVersion, oscar: User, at_once: None) -> None:
        damaged = make_version("damaged")
        services.report_problem(version=damaged, worker=HERE, reason="It is damaged.")
        with pytest.raises(ChatappError, match=r"no worker can answer with damaged: It is damaged\.") as caught:
            services.set_serving_version(user=oscar, version=damaged)
        assert caught.value.code == "invalid"
        assert Route.objects.get().version == serving

    def test_a_version_that_a_worker_serves_is_taken(self, serving: ModelVersion, oscar: User, at_once: None) -> None:
        good = make_version("good")
        report_presence(WorkerKind.INFERENCE, Report(ready=True, serves=[serving.id, good.id]))
        assert services.set_serving_version(user=oscar, version=good).version == good

    def test_one_that_no_worker_can_have_looked_at_is_taken(self, serving: ModelVersion, oscar: User) -> None:
        new = make_version("new")
        assert services.set_serving_version(user=oscar, version=new).version == new

    def test_without_a_ready_worker_nothing_is_known(self, serving: ModelVersion, oscar: User, at_once: None) -> None:
        other = make_version("other")
        forget_presence(WorkerKind.INFERENCE)
        assert services.set_serving_version(user=oscar, version=other).version == other

    def test_serving_it_again_has_it_tried_again(self, serving: ModelVersion, oscar: User) -> None:
        services.report_problem(version=serving, worker=HERE, reason="given up")
        services.set_serving_version(user=oscar, version=serving)
        assert not VersionProblem.objects.exists()

    @pytest.mark.parametrize("part", ["arms", "rules", "fallbacks"])
    def test_no_part_of_a_route_may_name_it(self, serving: ModelVersion, oscar: User, at_once: None, part: str) -> None:
        damaged = make_version("damaged")
        services.report_problem(version=damaged, worker=HERE, reason="It is damaged.")
        parts: dict[str, Any] = {
            "arms": [(damaged, 10.0)],
            "rules": [RuleSpec(version=damaged, choice="fast")],
            "fallbacks": [damaged],
        }
        with pytest.raises(ChatappError, match=r"no worker can answer with damaged: It is damaged\."):
            services.configure_route(user=oscar, name="default", version=serving, **{part: parts[part]})
        # A part that is there already hinders no other change.
        RouteFallback.objects.create(route=Route.objects.get(), version=damaged, position=0)
        services.configure_route(user=oscar, name="default", version=serving, fallbacks=[damaged], description="Both")
        assert Route.objects.get().description == "Both"
        assert VersionProblem.objects.filter(version=damaged).exists()
