"""The test of a guard: its variance is that of people, its bound that of many looks, and it errs on the safe side."""

from math import erfc, exp, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.inference.rollouts.statistics import Sums, as_t, compare, critical_z

ALPHA = 0.05 / 8
PEOPLE = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)).map(lambda p: (min(p), p[1])), max_size=30)


def mixture(z: float, ratio: float) -> float:
    """The one-sided normal mixture at z, as Howard et al. give it, with rho = 1 / ratio."""
    phi = 0.5 * erfc(-z * sqrt(ratio / (1 + ratio)) / sqrt(2))
    return 2 / sqrt(1 + ratio) * exp(z * z / 2 * ratio / (1 + ratio)) * phi


@pytest.mark.parametrize("error", [0.001, 0.01, 0.05, 0.15, 0.5])
@pytest.mark.parametrize("alpha", [0.3, 0.05, ALPHA, 0.0001])
def test_the_bound_is_where_the_mixture_reaches_one_in_alpha_or_a_little_above(error: float, alpha: float) -> None:
    ratio = (0.15 / error) ** 2
    z = critical_z(error, alpha=alpha, scale=0.15)
    assert mixture(z, ratio) >= 1 / alpha
    assert mixture(z * 0.95, ratio) < 1 / alpha


def test_the_mixture_holds_its_level_over_all_looks_together() -> None:
    """Of a random walk with known variance, looked at after each of 400 steps."""
    rng = np.random.default_rng(3)
    walks = rng.normal(size=(2000, 400)).cumsum(axis=1) / np.arange(1, 401)
    bounds = np.array([critical_z(1 / sqrt(n), alpha=0.05, scale=0.3) / sqrt(n) for n in range(1, 401)])
    crossed = (walks > bounds).any(axis=1).mean()
    fixed = (walks > 1.645 / np.sqrt(np.arange(1, 401))).any(axis=1).mean()
    assert crossed < 0.05
    assert fixed > 0.3  # A plain test that is repeated.


@pytest.mark.parametrize("z", [1.0, 2.5, 4.0])
@pytest.mark.parametrize("freedom,quantiles", [(4, {2.5: 4.33}), (16, {2.5: 2.81, 4.0: 5.30}), (10**6, {})])
def test_few_people_widen_it_as_students_t_does(z: float, freedom: float, quantiles: dict[float, float]) -> None:
    assert as_t(z, freedom) == pytest.approx(quantiles.get(z, as_t(z, freedom)), rel=0.03)
    assert as_t(z, freedom) >= z * 0.999


def test_answers_of_one_person_are_not_independent() -> None:
    """Twenty people, each of whom always or never has trouble: counted one by one, identical arms would differ."""
    rng = np.random.default_rng(4)
    by_answer = by_person = 0
    for _ in range(400):
        events = (rng.random(40) < 0.3) * 50.0
        arms = [[(float(y), 50.0) for y in half] for half in (events[:20], events[20:])]
        ones = [[(y / 50, 1.0) for y, _ in arm for _ in range(50)] for arm in arms]
        for people, is_person in ((arms, True), (ones, False)):
            found = compare(Sums.of(people[0]), Sums.of(people[1]), alpha=ALPHA, scale=0.15, is_share=True)
            alarm = found is not None and found.low > 0
            by_person, by_answer = by_person + (alarm and is_person), by_answer + (alarm and not is_person)
    assert by_person <= 400 * ALPHA * 2
    assert by_answer > 100


def test_the_variance_is_that_of_the_people() -> None:
    """The delta method's, written out."""
    people = [(1.0, 10.0), (4.0, 10.0), (0.0, 5.0), (6.0, 20.0)]
    sums = Sums.of(people)
    rate = 11 / 45
    assert sums.rate == pytest.approx(rate)
    assert sums.residue == pytest.approx(sum((y - rate * n) ** 2 for y, n in people))
    found = compare(Sums.of([(0.0, 10.0)] * 200), sums, alpha=ALPHA, scale=0.15, is_share=False)
    assert found is not None
    assert found.error == pytest.approx(sqrt(sums.residue / 45**2 * 4 / 3))
    assert found.value == pytest.approx(rate)


def test_a_person_with_most_of_the_answers_is_not_one_of_many() -> None:
    assert Sums.of([(0, 10)] * 20).effective_users == pytest.approx(20)
    assert Sums.of([(0, 1000)] + [(0, 1)] * 19).effective_users < 1.1


def test_an_arm_without_any_event_is_not_certain() -> None:
    none, few = Sums.of([(0, 4)] * 10), Sums.of([(0, 4)] * 9 + [(1, 4)])
    found = compare(none, few, alpha=ALPHA, scale=0.15, is_share=True)
    assert found is not None
    assert found.error > 0.02
    assert found.low < 0 < found.high


def test_all_against_none_is_seen_soon() -> None:
    found = compare(Sums.of([(0, 5)] * 10), Sums.of([(5, 5)] * 4), alpha=ALPHA, scale=0.15, is_share=True)
    assert found is not None
    assert found.low > 0.5


@given(PEOPLE, PEOPLE)
def test_any_two_arms_can_be_compared(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    baseline, candidate = Sums.of(left), Sums.of(right)
    found = compare(baseline, candidate, alpha=ALPHA, scale=0.15, is_share=True)
    if not left or not right or len(left) + len(right) < 3:
        assert found is None
        return
    assert found is not None
    assert found.low <= found.value <= found.high
    swapped = compare(candidate, baseline, alpha=ALPHA, scale=0.15, is_share=True)
    assert swapped is not None
    assert (swapped.low, swapped.high) == pytest.approx((-found.high, -found.low))


def test_more_of_the_same_makes_it_narrower() -> None:
    def width(count: int) -> float:
        left, right = Sums.of([(1, 10), (2, 10)] * count), Sums.of([(1, 10), (3, 10)] * count)
        found = compare(left, right, alpha=ALPHA, scale=0.15, is_share=True)
        assert found is not None
        return found.high - found.low

    widths = [width(count) for count in (2, 4, 8, 16, 64, 256)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.1 < widths[0]
