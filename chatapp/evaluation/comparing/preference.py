"""What votes say of two versions, as figures that allow for how votes hang together.

Votes of one voter are not independent, nor are those on one question: their variance is the two-way clustered one of
Cameron, Gelbach and Miller, "Robust inference with multiway clustering" (2011). It gives the number of independent
votes that would be worth as much, and with that the interval is Wilson's (1927), as Korn and Graubard (1998) do for
surveys, with Student's t for the smaller number of clusters. So it stays within 0 and 1, and unanimous votes of few
people give a wide one.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from chatapp.evaluation.models import Choice
from chatapp.evaluation.wilson import wilson_interval

LEVEL = 0.95
LEAST_CLUSTERS = 2
SCORES = {Choice.FIRST: 1.0, Choice.SECOND: 0.0, Choice.TIE: 0.5, Choice.BOTH_BAD: 0.5}
# Quantiles of Student's t for so few degrees of freedom that the expansion below is too far off.
_FEW = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}


@dataclass(frozen=True, slots=True)
class Ballot:
    """One vote; a tie, or two bad answers, count half for each side."""

    voter: Hashable
    question: Hashable
    choice: Choice

    @property
    def score(self) -> float:
        return SCORES[self.choice]


@dataclass(frozen=True, slots=True)
class WinRate:
    """Of the first version against the second: 0.5 is even. No interval below two voters and two questions."""

    rate: float | None
    low: float | None
    high: float | None
    votes: int
    voters: int
    questions: int
    wins: int
    losses: int
    ties: int
    both_bad: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval lies on one side of even."""
        return self.low is not None and self.high is not None and not self.low <= 0.5 <= self.high

    @property
    def reversed(self) -> "WinRate":
        """Of the second version against the first."""
        turned = (None if value is None else 1 - value for value in (self.rate, self.high, self.low))
        rate, low, high = turned
        counts = (self.votes, self.voters, self.questions, self.losses, self.wins, self.ties, self.both_bad)
        return WinRate(rate, low, high, *counts)


def win_rate(ballots: Sequence[Ballot]) -> WinRate:
    counts = Counter(ballot.choice for ballot in ballots)
    voters, questions = ({getattr(ballot, kind) for ballot in ballots} for kind in ("voter", "question"))
    rate = sum(ballot.score for ballot in ballots) / len(ballots) if ballots else None
    low, high = None, None
    if rate is not None and min(len(voters), len(questions)) >= LEAST_CLUSTERS:
        low, high = _interval(ballots, rate, clusters=min(len(voters), len(questions)))
    return WinRate(
        rate=rate,
        low=low,
        high=high,
        votes=len(ballots),
        voters=len(voters),
        questions=len(questions),
        wins=counts[Choice.FIRST],
        losses=counts[Choice.SECOND],
        ties=counts[Choice.TIE],
        both_bad=counts[Choice.BOTH_BAD],
    )


def agreement(ballots: Iterable[Ballot]) -> float | None:
    """Krippendorff's alpha for nominal data (2004): 1 is full agreement, 0 what chance would give.

    None while no question has two votes, or when all votes are the same: then nothing can be told from chance.
    """
    by_question: dict[Hashable, Counter[Choice]] = defaultdict(Counter)
    for ballot in ballots:
        by_question[ballot.question][ballot.choice] += 1
    units = [counts for counts in by_question.values() if counts.total() > 1]
    totals = sum(units, Counter[Choice]())
    n = totals.total()
    expected = sum(count * (n - count) for count in totals.values())
    if not expected:
        return None
    observed = sum(count * (unit.total() - count) / (unit.total() - 1) for unit in units for count in unit.values())
    return 1 - (n - 1) * observed / expected


def _interval(ballots: Sequence[Ballot], rate: float, *, clusters: int) -> tuple[float, float]:
    """Wilson's, at the number of independent votes that these are worth."""
    n = _effective_votes(ballots, rate, clusters=clusters)
    return wilson_interval(rate, n, z=quantile(clusters - 1))


def _effective_votes(ballots: Sequence[Ballot], rate: float, *, clusters: int) -> float:
    """Between the number of clusters, which is what votes are worth that all say the same, and that of the votes."""
    variance = _clustered_variance(ballots, rate)
    if variance <= 0:
        return float(clusters)
    return min(max(rate * (1 - rate) / variance, 1.0), float(len(ballots)))


def _clustered_variance(ballots: Sequence[Ballot], rate: float) -> float:
    """Of the rate: by voter, plus by question, less what both count; the larger of the first two where that fails."""
    by_voter, by_question, single = (_variance(ballots, rate, kind) for kind in ("voter", "question", None))
    both = by_voter + by_question - single
    return both if both > 0 else max(by_voter, by_question)


def _variance(ballots: Sequence[Ballot], rate: float, kind: str | None) -> float:
    sums: dict[Hashable, float] = defaultdict(float)
    for at, ballot in enumerate(ballots):
        sums[at if kind is None else getattr(ballot, kind)] += ballot.score - rate
    n, groups = len(ballots), len(sums)
    return groups / max(groups - 1, 1) * sum(total * total for total in sums.values()) / (n * n)


def quantile(freedom: int) -> float:
    """Of Student's t, two-sided at LEVEL; by the expansion of Cornish and Fisher from five degrees of freedom on."""
    if freedom in _FEW:
        return _FEW[freedom]
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
