"""The judge at work: what it does with live rollouts, when it looks, and what is left of it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import User
from chatapp.exposition import render_metrics
from chatapp.inference.models import (
    AnswerOutcome,
    Arm,
    ModelVersion,
    Rollout,
    RolloutAction,
    RolloutKind,
    RolloutState,
    Route,
)
from chatapp.inference.rollouts.judge import judge_rollout
from chatapp.inference.services import judge_rollouts, judging
from chatapp.inference.services.rollouts import hold_rollout, resume_rollout, roll_back_rollout, start_rollout
from chatapp.inference.tasks import judge_rollouts as task
from tests.versions import make_version

pytestmark = pytest.mark.django_db
STAGES = [{"share": share, "min_answers": 20, "min_minutes": 0} for share in (25, 100)]


@pytest.fixture
def people() -> list[User]:
    return [User.objects.create(username=f"user{n}") for n in range(12)]


@pytest.fixture
def candidate() -> ModelVersion:
    return make_version("new")


@pytest.fixture
def rollout(candidate: ModelVersion) -> Rollout:
    Route.objects.create(name=Route.DEFAULT, version=make_version("old"))
    return start_rollout(user=None, route=Route.DEFAULT, kind=RolloutKind.CANARY, candidate=candidate, stages=STAGES)


def answer(
    rollout: Rollout, people: Sequence[User], arm: str, *, each: int = 5, fails: int = 0, **columns: Any
) -> None:
    """`each` answers to each of them, of which `fails` fail."""
    AnswerOutcome.objects.bulk_create(
        AnswerOutcome(
            generation_id=uuid4(),
            user=user,
            version=rollout.candidate if arm == Arm.CANDIDATE else rollout.baseline,
            status="failed" if n < fails else "complete",
            **{"rollout": rollout, "route": rollout.route_id, "arm": arm, **columns},
        )
        for user in people
        for n in range(each)
    )


def judged(rollout: Rollout) -> Rollout:
    judge_rollouts()
    rollout.refresh_from_db()
    return rollout


def found(rollout: Rollout) -> dict[str, Any]:
    """The last verdict."""
    assert rollout.verdict is not None
    return dict(rollout.verdict)


def actions(rollout: Rollout) -> list[tuple[str, Any]]:
    return list(rollout.steps.values_list("action", "actor"))


def test_a_good_candidate_arrives_at_everybody(rollout: Rollout, people: list[User], candidate: ModelVersion) -> None:
    answer(rollout, people[:6], Arm.CANDIDATE)
    answer(rollout, people[6:], Arm.BASELINE)
    assert (judged(rollout).stage, rollout.share) == (1, 100.0)
    assert (judged(rollout).stage, rollout.state) == (1, RolloutState.RUNNING)
    answer(rollout, people, Arm.CANDIDATE)
    assert judged(rollout).state == RolloutState.COMPLETED
    assert Route.objects.get().version == candidate
    done = [RolloutAction.STARTED, RolloutAction.ADVANCED, RolloutAction.COMPLETED]
    assert actions(rollout) == [(action, None) for action in done]
    assert found(rollout)["answers"] == {"baseline": 30, "candidate": 90}


def test_a_bad_candidate_goes_back_with_its_figures_and_a_reason(rollout: Rollout, people: list[User]) -> None:
    answer(rollout, people[:6], Arm.CANDIDATE, each=10, fails=4)
    answer(rollout, people[6:], Arm.BASELINE, each=10)
    assert judged(rollout).state == RolloutState.ROLLED_BACK
    assert Route.objects.get().version == rollout.baseline
    step = rollout.steps.last()
    assert (step.action, step.share_before, step.share_after) == (RolloutAction.ROLLED_BACK, 25.0, 0.0)
    assert step.reason.startswith("Errors: 40.0 % against 0.0 % (difference at least ")
    assert found(rollout)["decision"] == "roll_back"
    assert rollout.verdict == step.figures


def test_held_stays_until_a_person_resumes_it(rollout: Rollout, people: list[User]) -> None:
    answer(rollout, people[:6], Arm.CANDIDATE)
    answer(rollout, people[6:], Arm.BASELINE)
    hold_rollout(user=None, rollout=rollout, reason="Let us look.")
    assert (judged(rollout).stage, found(rollout)["decision"]) == (0, "hold")
    resume_rollout(user=None, rollout=rollout)
    answer(rollout, people[:6], Arm.CANDIDATE)
    assert judged(rollout).stage == 1


def test_a_held_one_still_goes_back(rollout: Rollout, people: list[User]) -> None:
    hold_rollout(user=None, rollout=rollout)
    answer(rollout, people[:6], Arm.CANDIDATE, fails=3)
    answer(rollout, people[6:], Arm.BASELINE)
    assert judged(rollout).state == RolloutState.ROLLED_BACK


def test_what_stays_unclear_is_held_for_a_person(rollout: Rollout, people: list[User]) -> None:
    answer(rollout, people[:1], Arm.CANDIDATE, each=10, fails=2)
    answer(rollout, people[1:6], Arm.CANDIDATE, each=10, fails=0)
    answer(rollout, people[6:], Arm.BASELINE, each=10)
    answer(rollout, people[1:3], Arm.CANDIDATE, each=1, fails=1)
    assert judged(rollout).state == RolloutState.HELD
    assert rollout.steps.last().reason.endswith("A person has to decide.")


def test_after_a_switch_of_everybody_the_week_before_is_the_baseline(
    candidate: ModelVersion, people: list[User]
) -> None:
    Route.objects.create(name=Route.DEFAULT, version=make_version("old"))
    rollout = start_rollout(
        user=None,
        route=Route.DEFAULT,
        kind=RolloutKind.BLUE_GREEN,
        candidate=candidate,
        stages=[{"share": 100, "min_answers": 20, "min_minutes": 0}],
    )
    answer(rollout, people, Arm.BASELINE)
    AnswerOutcome.objects.update(rollout=None, arm="", created_at=timezone.now() - timedelta(days=2))
    answer(rollout, people, Arm.CANDIDATE, fails=2)
    assert judged(rollout).state == RolloutState.ROLLED_BACK
    assert found(rollout)["reason"].endswith("The baseline's figures are of the 7 days before the rollout.")
    assert found(rollout)["answers"] == {"baseline": 60, "candidate": 60}


def test_a_shadow_rollout_is_not_judged(candidate: ModelVersion) -> None:
    Route.objects.create(name=Route.DEFAULT, version=make_version("old"))
    rollout = start_rollout(user=None, route=Route.DEFAULT, kind=RolloutKind.SHADOW, candidate=candidate)
    assert judged(rollout).judged_at is None


def test_it_is_cheap_while_nothing_is_new(
    rollout: Rollout, people: list[User], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert judged(rollout).judged_at is not None
    with django_assert_num_queries(2):  # What is live, and whether it has news.
        judge_rollouts()
    answer(rollout, people[:1], Arm.CANDIDATE, each=1)
    with django_assert_num_queries(4):  # The figures, and what was found.
        judge_rollouts()
    Rollout.objects.update(judged_at=timezone.now() - judging.AT_LEAST_EVERY)
    AnswerOutcome.objects.update(created_at=timezone.now() - timedelta(hours=1))
    before = Rollout.objects.get().judged_at
    assert judged(rollout).judged_at > before


def test_a_large_one_is_looked_at_less_often(
    rollout: Rollout, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(rollout, people[:1], Arm.CANDIDATE, each=3)
    first = judged(rollout).judged_at
    monkeypatch.setattr(judging, "LARGE", 2)
    assert judged(rollout).judged_at == first


def test_a_person_who_was_quicker_is_not_overruled(
    rollout: Rollout, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the judge's look and its deed somebody rolls back."""
    answer(rollout, people[:6], Arm.CANDIDATE)
    answer(rollout, people[6:], Arm.BASELINE)

    def look_while_somebody_acts(given: Rollout) -> Any:
        verdict = judge_rollout(given)
        roll_back_rollout(user=None, rollout=given, reason="I do not like it.")
        return verdict

    monkeypatch.setattr(judging, "judge_rollout", look_while_somebody_acts)
    assert judged(rollout).state == RolloutState.ROLLED_BACK
    assert rollout.verdict is None


def test_one_that_cannot_be_judged_keeps_no_other_waiting(
    rollout: Rollout, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Route.objects.create(name="other", version=rollout.baseline)
    second = start_rollout(user=None, route=other, kind=RolloutKind.CANARY, candidate=rollout.candidate, stages=STAGES)
    Rollout.objects.filter(pk=rollout.pk).update(guards={"gone": {}})
    Rollout.objects.filter(pk=second.pk).update(created_at=timezone.now() - timedelta(days=1))
    task()
    assert judged(second).judged_at is not None
    assert judged(rollout).judged_at is None


def test_metrics_show_what_the_judge_found_of_live_rollouts_only(rollout: Rollout, people: list[User]) -> None:
    answer(rollout, people[:2], Arm.CANDIDATE, fails=1)
    judge_rollouts()
    of = 'candidate="new",route="default"'
    shown = render_metrics().decode()
    assert f"chatapp_rollout_share{{{of}}} 25.0" in shown
    assert 'chatapp_rollout_guard{arm="candidate",candidate="new",guard="errors",route="default"} 0.2' in shown
    assert 'arm="baseline"' not in shown
    roll_back_rollout(user=None, rollout=rollout)
    assert "chatapp_rollout_share{" not in render_metrics().decode()
