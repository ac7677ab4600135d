"""Figures of unseen answers, pair by pair."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chatapp.accounts.models import User
from chatapp.evaluation.comparing.paired import compare_pairs
from chatapp.evaluation.selectors.shadow import PATIENCE, shadow_figures
from chatapp.inference.models import AnswerOutcome, Rollout, RolloutKind, Route, ShadowOutcome, ShadowState
from chatapp.inference.rollouts.statistics import Sums
from tests.people import make_person
from tests.versions import make_version


@pytest.fixture
def rollout(db: None) -> Rollout:
    route = Route.objects.create(name=Route.DEFAULT, version=make_version("old"))
    return Rollout.objects.create(
        route=route,
        kind=RolloutKind.SHADOW,
        baseline=route.version,
        candidate=make_version("new"),
        stage_started_at=timezone.now(),
    )


def pair(
    rollout: Rollout,
    user: User | None,
    *,
    baseline: dict[str, Any] | None = None,
    **candidate: Any,
) -> ShadowOutcome:
    number = uuid4()
    usual = {"completion_tokens": 40, "first_token_seconds": 1.0, "duration_seconds": 3.0}
    AnswerOutcome.objects.create(
        generation_id=number, user=user, rollout=rollout, **{"status": "complete", **usual, **(baseline or {})}
    )
    return ShadowOutcome.objects.create(
        generation_id=number, user=user, rollout=rollout, **{"state": ShadowState.COMPLETE, **usual, **candidate}
    )


@pytest.fixture
def people(db: None) -> list[User]:
    return [make_person(f"person{n}") for n in range(10)]


def test_nothing_was_written_yet(rollout: Rollout, alice: User) -> None:
    pair(rollout, alice, state=ShadowState.WAITING)
    figures = shadow_figures(rollout)
    assert (figures.pairs, figures.waiting, figures.guards) == (0, 1, [])


def test_means_of_both_sides(rollout: Rollout, alice: User, bob: User) -> None:
    pair(rollout, alice, duration_seconds=5.0)
    pair(rollout, alice, is_refusal=True, completion_tokens=20)
    pair(rollout, bob, baseline={"is_cut": True}, flags=2)
    pair(rollout, bob, baseline={"status": "interrupted"})
    pair(rollout, bob, state=ShadowState.FAILED, first_token_seconds=None)
    pair(rollout, bob, state=ShadowState.BLOCKED)
    found = {guard.name: (guard.baseline, guard.candidate, guard.answers) for guard in shadow_figures(rollout).guards}
    assert found == {
        "errors": (1 / 6, 1 / 6, 6),
        "cut": (1 / 3, 0, 3),
        "refusals": (0, 1 / 3, 3),
        "flags": (0, 1 / 3, 3),
        "speed": (20, (10 + 10 + 20) / 3, 3),
    }


def test_support_is_of_answers_with_sources(rollout: Rollout, alice: User) -> None:
    pair(rollout, alice, baseline={"sources": 3, "cited": 2, "supported": 2}, cited=2, supported=1)
    pair(rollout, alice, baseline={"sources": 3, "cited": 0}, cited=1, supported=1)
    pair(rollout, alice)
    support = next(guard for guard in shadow_figures(rollout).guards if guard.name == "support")
    assert (support.baseline, support.candidate, support.answers) == (0.5, 0.75, 2)


def test_a_worse_candidate_is_told_from_an_equal_one(rollout: Rollout, people: list[User]) -> None:
    for number in range(120):
        pair(rollout, people[number % 10], is_refusal=number % 3 == 0, is_cut=number % 40 == 0)
    states = {guard.name: guard.state for guard in shadow_figures(rollout).guards}
    assert (states["refusals"], states["cut"], states["errors"]) == ("worse", "ok", "ok")


def test_few_people_prove_nothing(rollout: Rollout, alice: User, bob: User) -> None:
    for number in range(100):
        pair(rollout, (alice, bob)[number % 2], is_refusal=True)
    assert {(guard.state, guard.low, guard.high) for guard in shadow_figures(rollout).guards} == {
        ("too_few", None, None)
    }


def test_what_was_lost_is_skipped_in_the_end(rollout: Rollout, alice: User) -> None:
    pair(rollout, alice, state=ShadowState.SKIPPED)
    lost = pair(rollout, alice, state=ShadowState.WAITING)
    ShadowOutcome.objects.filter(pk=lost.pk).update(created_at=timezone.now() - PATIENCE * 2)
    figures = shadow_figures(rollout)
    assert (figures.skipped, figures.waiting) == (2, 0)


def test_the_number_of_queries_does_not_grow(
    rollout: Rollout, people: list[User], django_assert_num_queries: Any
) -> None:
    for person in people:
        pair(rollout, person)
    with django_assert_num_queries(3):
        shadow_figures(rollout)


def test_people_are_the_clusters() -> None:
    """Ten answers of one person are not ten people's."""
    spread = Sums.of((number % 2, 1) for number in range(100))
    lumped = Sums.of((10 * (number % 2), 10) for number in range(10))
    options: dict[str, Any] = {"alpha": 0.05, "scale": 0.15, "is_share": True}
    wide, narrow = compare_pairs(lumped, **options), compare_pairs(spread, **options)
    assert wide is not None
    assert narrow is not None
    assert wide.value == narrow.value == 0.5
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
