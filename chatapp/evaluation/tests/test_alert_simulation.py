"""How often a figure that is as usual wakes somebody, and how soon one that is not does.

People differ, and one person's answers go together: each has a rate of their own (beta, with the given correlation)
and a geometric number of answers.
"""

import random

import pytest

from chatapp.evaluation.alerting.significance import Trials, binomial_tail, is_risen, upper_bound

WINDOWS_A_DAY = 288
DAYS = 10
ERRORS = {"assumed": 0.10, "margin": 0.05}


def draw(chance: random.Random, people: int, rate: float, *, together: float, answers: float = 2.0) -> Trials:
    shares, hit, total, events = 0.0, 0, 0, 0
    for _ in range(people):
        own = chance.betavariate(rate * (1 - together) / together, (1 - rate) * (1 - together) / together)
        count = 1
        while chance.random() > 1 / answers:
            count += 1
        bad = sum(chance.random() < own for _ in range(count))
        shares, hit, total, events = shares + bad / count, hit + (bad > 0), total + count, events + bad
    return Trials(people, shares, hit, total, events)


@pytest.mark.parametrize("people, together", [(4, 0.3), (10, 0.8), (30, 0.3)])
@pytest.mark.parametrize("rate", [0.02, 0.08])
def test_a_usual_rate_wakes_somebody_less_than_once_in_ten_days_of_full_windows(
    people: int, together: float, rate: float
) -> None:
    chance, alarms = random.Random(f"{people} {together} {rate}"), 0
    for _ in range(DAYS):
        before = draw(chance, people * 6, rate, together=together)
        alarms += sum(
            is_risen(draw(chance, people, rate, together=together), before, **ERRORS) for _ in range(WINDOWS_A_DAY)
        )
    assert alarms <= 1


@pytest.mark.parametrize("people, rate, found", [(10, 0.99, 0.95), (30, 0.5, 0.9), (150, 0.12, 0.9)])
def test_a_trouble_is_found_in_the_first_full_window(people: int, rate: float, found: float) -> None:
    chance, hits = random.Random(people), 0
    for _ in range(60):
        before = draw(chance, people * 6, 0.01, together=0.3)
        hits += is_risen(draw(chance, people, rate, together=0.3), before, **ERRORS)
    assert hits / 60 >= found


@pytest.mark.parametrize("answers, events, people", [(7, 7, 7), (40, 4, 4), (40, 40, 2), (3, 3, 3)])
def test_below_the_floor_nothing_is_concluded(answers: int, events: int, people: int) -> None:
    recent = Trials(people, float(people), people, answers, events)
    assert not is_risen(recent, Trials(), **ERRORS)


def test_the_tail_is_the_binomials_and_between_whole_numbers_in_between() -> None:
    assert binomial_tail(2, 3, 0.5) == pytest.approx(0.5)
    assert binomial_tail(1, 10, 0.1) == pytest.approx(1 - 0.9**10)
    assert binomial_tail(2, 3, 0.5) > binomial_tail(2.5, 3, 0.5) > binomial_tail(3, 3, 0.5)
    assert (binomial_tail(4, 3, 0.5), binomial_tail(0, 3, 0.5), binomial_tail(1, 3, 0.0)) == (0.0, 1.0, 0.0)


def test_the_band_is_never_above_what_is_ordinary_while_the_day_before_was() -> None:
    assert upper_bound(Trials(), assumed=0.1) == 0.1
    assert upper_bound(Trials(trials=1000, shares=10.0), assumed=0.1) < 0.03
    assert 0.25 < upper_bound(Trials(trials=100, shares=20.0), assumed=0.1) < 0.35
