"""What the judge reads: sums of people by arm and guard, out of one statement."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import User
from chatapp.inference.models import AnswerOutcome, Arm, ModelVersion, Rollout, RolloutKind, Route
from chatapp.inference.rollouts.figures import arm_figures
from chatapp.inference.rollouts.guards import DEFAULT_GUARDS
from chatapp.inference.rollouts.statistics import Sums
from chatapp.inference.services import register_version

pytestmark = pytest.mark.django_db


def version(name: str) -> ModelVersion:
    return register_version(user=None, name=name, provider="scripted", context_tokens=4096)


@pytest.fixture
def rollout() -> Rollout:
    old, new = version("old"), version("new")
    route = Route.objects.create(name="default", version=old)
    return Rollout.objects.create(
        route=route,
        kind=RolloutKind.CANARY,
        baseline=old,
        candidate=new,
        stages=[{"share": 25, "min_answers": 20, "min_minutes": 0}],
        stage_started_at=timezone.now(),
        guards=dict(DEFAULT_GUARDS),
    )


def answer(rollout: Rollout, user: User | None, arm: str = Arm.CANDIDATE, **columns: Any) -> AnswerOutcome:
    given: Mapping[str, Any] = {
        "generation_id": uuid4(),
        "user": user,
        "version": rollout.candidate if arm == Arm.CANDIDATE else rollout.baseline,
        "rollout": rollout,
        "route": rollout.route_id,
        "arm": arm,
        "status": "complete",
        "completion_tokens": 50,
        "first_token_seconds": 1.0,
        "duration_seconds": 6.0,
    }
    return AnswerOutcome.objects.create(**{**given, **columns})


def test_each_guard_counts_its_own_answers_and_people(
    rollout: Rollout, alice: User, bob: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    answer(rollout, alice, sources=3, cited=2, supported=1)
    answer(rollout, alice, status="failed", completion_tokens=0, first_token_seconds=None)
    answer(rollout, alice, is_fallback=True, flags=1, thumb=-1, is_cut=True)
    answer(rollout, bob, flags=2, thumb=-1, is_cut=True, is_refusal=True, duration_seconds=11.0)
    answer(rollout, bob, first_token_seconds=9.0, duration_seconds=9.0, sources=2)
    answer(rollout, bob, arm=Arm.BASELINE, first_token_seconds=2.0, duration_seconds=4.0)
    with django_assert_num_queries(1):
        figures = arm_figures(rollout)
    of = {name: figures.of(Arm.CANDIDATE, name) for name in DEFAULT_GUARDS}
    assert of["errors"] == Sums(users=2, answers=5, y=2, n=5, yy=4, yn=6, nn=13)
    assert of["flags"] == Sums(users=2, answers=4, y=1, n=4, yy=1, yn=2, nn=8)
    assert (of["thumbs_down"].y, of["cut"].y) == (1, 1)
    assert (of["refusals"].y, of["refusals"].n) == (1, 3)
    assert (of["support"].y, of["support"].n) == (0.5, 2)
    assert (of["speed"].y, of["speed"].n, of["speed"].answers) == (100, 15, 2)
    assert figures.late_seconds == pytest.approx(2.5)
    assert (of["first_token"].y, of["first_token"].n) == (1, 3)
    assert figures.of(Arm.BASELINE, "errors").answers == 1
    assert (figures.stage_answers, figures.stage_users) == (5, 2)


def test_what_tells_nothing_of_a_version_is_left_out(rollout: Rollout, alice: User) -> None:
    answer(rollout, alice, is_trial=True)
    answer(rollout, alice, is_cached=True)
    answer(rollout, alice, status="blocked", completion_tokens=0)
    answer(rollout, alice, arm="")
    AnswerOutcome.objects.filter(pk=answer(rollout, alice).pk).update(rollout=None)
    assert arm_figures(rollout).of(Arm.CANDIDATE, "errors") == Sums()


def test_answers_of_before_the_stage_count_for_guards_and_not_for_the_stage(rollout: Rollout, alice: User) -> None:
    answer(rollout, alice)
    rollout.stage_started_at = timezone.now()
    answer(rollout, alice)
    figures = arm_figures(rollout)
    assert (figures.of(Arm.CANDIDATE, "errors").answers, figures.stage_answers) == (2, 1)


def test_the_history_of_a_baseline_is_its_seven_days_on_that_route(rollout: Rollout, alice: User) -> None:
    def before(days: float, **columns: Any) -> None:
        row = answer(rollout, alice, arm=Arm.BASELINE, **columns)
        created_at = rollout.created_at - timedelta(days=days)
        AnswerOutcome.objects.filter(pk=row.pk).update(rollout=None, arm="", created_at=created_at)

    before(1)
    before(6.9, status="failed")
    before(7.1)
    before(1, route="other")
    before(1, version=rollout.candidate)
    assert arm_figures(rollout).of(Arm.BASELINE, "errors") == Sums()
    history = arm_figures(rollout, with_history=True)
    assert (history.of(Arm.BASELINE, "errors").y, history.of(Arm.BASELINE, "errors").n) == (1, 2)
    assert history.from_history


def test_the_history_of_a_baseline_is_also_of_its_arms_in_earlier_rollouts(rollout: Rollout, alice: User) -> None:
    """As when a candidate became the route's version, and the next one comes at once."""
    kept = {"route": rollout.route, "kind": RolloutKind.CANARY, "state": "completed", "stages": []}
    third, at = version("third"), timezone.now()
    won = Rollout.objects.create(**kept, baseline=third, candidate=rollout.baseline, stage_started_at=at)
    held = Rollout.objects.create(**kept, baseline=rollout.baseline, candidate=third, stage_started_at=at)
    for earlier, arm, columns in (
        (won, Arm.CANDIDATE, {}),
        (won, Arm.CANDIDATE, {"version": third, "is_fallback": True}),
        (won, Arm.BASELINE, {"version": third}),
        (held, Arm.BASELINE, {}),
        (held, Arm.CANDIDATE, {"version": third}),
        (held, "", {}),
    ):
        row = answer(earlier, alice, arm=arm, **columns)
        AnswerOutcome.objects.filter(pk=row.pk).update(created_at=rollout.created_at - timedelta(days=1))
    rollout.steps.create(action="started", share_before=0, share_after=5, reason="")
    history = arm_figures(rollout, with_history=True).of(Arm.BASELINE, "errors")
    assert (history.answers, history.y, history.n) == (3, 1, 3)


def test_a_baseline_answer_weighs_by_the_odds_of_the_share_when_it_was_given(rollout: Rollout, alice: User) -> None:
    """At 5 % there are nineteen of it for each of the candidate, at 50 % one: so many fewer does each count for."""
    now = timezone.now()
    for hours, share in ((3, 5.0), (2, 50.0), (1, 100.0)):
        step = rollout.steps.create(action="advanced", share_before=0, share_after=share, reason="")
        rollout.steps.filter(pk=step.pk).update(at=now - timedelta(hours=hours))
    for ago, status in ((4.0, "failed"), (2.5, "failed"), (1.5, "complete"), (0.5, "complete")):
        for arm in Arm:
            row = answer(rollout, alice, arm=arm, status=status)
            AnswerOutcome.objects.filter(pk=row.pk).update(created_at=now - timedelta(hours=ago))
    figures = arm_figures(rollout)
    baseline, candidate = figures.of(Arm.BASELINE, "errors"), figures.of(Arm.CANDIDATE, "errors")
    assert (baseline.users, baseline.answers) == (1, 4)
    assert baseline.y == pytest.approx(2 / 19)
    assert baseline.n == pytest.approx(2 + 2 / 19)
    assert (candidate.y, candidate.n) == (2, 4)
