"""What votes say of two versions."""

import random
from uuid import UUID

import pytest

from chatapp.evaluation.comparing.preference import Ballot, WinRate, agreement, quantile, win_rate
from chatapp.evaluation.comparing.sides import choice_of, is_first_left
from chatapp.evaluation.models import Choice

FIRST, SECOND, TIE, BAD = Choice.FIRST, Choice.SECOND, Choice.TIE, Choice.BOTH_BAD


def ballots(*choices: Choice, voters: int, questions: int) -> list[Ballot]:
    return [Ballot(n % voters, n // voters % questions, choice) for n, choice in enumerate(choices)]


def test_ties_count_half_for_each() -> None:
    rate = win_rate(ballots(FIRST, FIRST, SECOND, TIE, BAD, FIRST, voters=3, questions=2))
    assert rate.rate == pytest.approx(4 / 6)
    assert (rate.wins, rate.losses, rate.ties, rate.both_bad) == (3, 1, 1, 1)
    assert (rate.votes, rate.voters, rate.questions) == (6, 3, 2)


def test_no_votes_say_nothing() -> None:
    rate = win_rate([])
    assert (rate.rate, rate.low, rate.high, rate.votes, rate.is_clear) == (None, None, None, 0, False)


@pytest.mark.parametrize("voters, questions", [(1, 9), (9, 1)])
def test_one_voter_or_one_question_gives_no_interval(voters: int, questions: int) -> None:
    rate = win_rate(ballots(*[FIRST] * 9, voters=voters, questions=questions))
    assert (rate.rate, rate.low) == (1.0, None)


def test_unanimous_votes_of_few_are_not_certain() -> None:
    few = win_rate(ballots(*[FIRST] * 12, voters=3, questions=4))
    many = win_rate(ballots(*[FIRST] * 400, voters=20, questions=20))
    assert few.low is not None
    assert many.low is not None
    assert few.low < 0.5
    assert many.low > 0.8
    assert (few.is_clear, many.is_clear) == (False, True)


def test_the_other_way_round() -> None:
    rate = win_rate(ballots(FIRST, FIRST, SECOND, TIE, FIRST, FIRST, FIRST, BAD, voters=4, questions=2))
    turned = rate.reversed
    assert rate.rate is not None
    assert rate.low is not None
    assert turned.rate == pytest.approx(1 - rate.rate)
    assert turned.high == pytest.approx(1 - rate.low)
    assert (turned.wins, turned.losses, turned.ties) == (rate.losses, rate.wins, rate.ties)
    assert turned.low == pytest.approx(1 - (rate.high or 0))


def test_votes_of_one_voter_that_go_together_are_worth_less() -> None:
    """Half the voters always choose the one, half the other: as many opinions as voters, not as votes."""
    chance = random.Random(5)
    apart = win_rate([Ballot(v, q, chance.choice([FIRST, SECOND])) for v in range(10) for q in range(20)])
    together = win_rate([Ballot(v, q, FIRST if v % 2 else SECOND) for v in range(10) for q in range(20)])
    assert together.rate == 0.5
    assert _width(together) > 2 * _width(apart)


def test_the_interval_holds_what_it_says() -> None:
    """500 comparisons between equal versions, of voters and questions with leanings: hardly one in twenty is clear."""
    chance = random.Random(8)
    wrong = sum(win_rate(_simulated(chance, lean=0.0)).is_clear for _ in range(500))
    assert wrong <= 0.07 * 500
    found = sum(win_rate(_simulated(chance, lean=0.25)).is_clear for _ in range(100))
    assert found >= 90


def _simulated(chance: random.Random, *, lean: float) -> list[Ballot]:
    voters = [chance.gauss(0, 0.12) for _ in range(15)]
    questions = [chance.gauss(0, 0.12) for _ in range(30)]
    return [
        Ballot(v, q, FIRST if chance.random() < 0.5 + lean + of_voter + of_question else SECOND)
        for v, of_voter in enumerate(voters)
        for q, of_question in enumerate(questions)
        if chance.random() < 0.3
    ]


def _width(rate: WinRate) -> float:
    assert rate.low is not None
    assert rate.high is not None
    return rate.high - rate.low


class TestAgreement:
    def test_all_agree(self) -> None:
        assert agreement([Ballot(v, q, (FIRST, SECOND)[q % 2]) for v in range(3) for q in range(6)]) == 1

    def test_chance_is_none(self) -> None:
        chance = random.Random(3)
        votes = [Ballot(v, q, chance.choice([FIRST, SECOND])) for v in range(5) for q in range(400)]
        assert agreement(votes) == pytest.approx(0, abs=0.06)

    def test_as_krippendorff_has_it(self) -> None:
        """The nominal example of "Computing Krippendorff's Alpha-Reliability" (2011), section B: 0.095."""
        one, two = "0100001000", "1110010000"
        made = {"0": FIRST, "1": SECOND}
        votes = [Ballot(0, q, made[value]) for q, value in enumerate(one)]
        votes += [Ballot(1, q, made[value]) for q, value in enumerate(two)]
        assert agreement(votes) == pytest.approx(0.095, abs=0.001)

    def test_nothing_to_tell(self) -> None:
        assert agreement([]) is None
        assert agreement([Ballot(1, 1, FIRST)]) is None
        assert agreement([Ballot(v, 1, FIRST) for v in range(5)]) is None


@pytest.mark.parametrize("freedom, value", [(1, 12.706), (4, 2.776), (5, 2.571), (10, 2.228), (30, 2.042)])
def test_students_t(freedom: int, value: float) -> None:
    assert quantile(freedom) == pytest.approx(value, abs=0.01)


def test_each_side_is_left_for_about_half_and_stays_there() -> None:
    pair = UUID(int=7)
    sides = [is_first_left(pair, UUID(int=n)) for n in range(1000)]
    assert 430 < sum(sides) < 570
    assert sides == [is_first_left(pair, UUID(int=n)) for n in range(1000)]


def test_what_is_said_of_sides_becomes_a_choice_of_versions() -> None:
    said = [choice_of(said, first_is_left=left) for left in (True, False) for said in ("left", "right", "tie")]
    assert said == [FIRST, SECOND, TIE, SECOND, FIRST, TIE]
