"""The level and the power that docs/rollouts.md states, simulated: all guards, judged after every 20 answers."""

import numpy as np
import pytest

from benchmarks import rollouts
from benchmarks.rollouts import WORSE, History, measure_false_alarms, measure_stops, play

ALPHA = 0.05
STATED_MEDIAN, STATED_P95 = 500, 1500  # Of the candidate's answers; docs/rollouts.md says the same.


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def test_an_identical_candidate_is_rolled_back_less_often_than_stated(rng: np.random.Generator) -> None:
    assert measure_false_alarms(rng, 1000, answers=400) < ALPHA


def test_a_candidate_with_doubled_errors_is_stopped_within_the_stated_answers(rng: np.random.Generator) -> None:
    found = measure_stops(WORSE["errors 8 % to 16 %, 1,000 people, 25 %"], rng, 60)
    assert found["stopped"] >= 0.95
    assert found["median"] <= STATED_MEDIAN
    assert found["p95"] <= STATED_P95


def test_one_that_fails_every_fifth_time_is_stopped_within_200_among_twenty_people(rng: np.random.Generator) -> None:
    found = measure_stops(WORSE["every fifth fails, 20 people, 25 %"], rng, 100)
    assert found["stopped"] >= 0.95
    assert found["median"] <= 200


def test_a_bad_hour_of_both_arms_is_not_taken_for_a_bad_candidate(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the share grew from 2 to 50 %, errors became three times as many for everybody."""
    bad_hour = History(
        people=300,
        shares=(0.02, 0.5),
        answers=2400,
        likeness=0.03,
        rates={"errors": 0.05},
        trouble=3.0,
        guards=["errors"],
    )

    def count_alarms() -> int:
        return sum(play(bad_hour, rng, is_strict=True) is not None for _ in range(50))

    assert count_alarms() <= 50 * ALPHA
    monkeypatch.setattr(rollouts, "_odds", lambda _: 1.0)  # As if all answers weighed the same.
    assert count_alarms() > 20
