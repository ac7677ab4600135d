"""Is the candidate worse than the baseline? A test that may look after every answer, of answers that go together.

Three things make a plain z-test wrong here, and each has its remedy:

- One person's answers are not independent. A figure is a ratio of sums over people, R = sum(y) / sum(n), and its
  variance is that of the people, not of the answers: the delta method with people as clusters (Deng, Knoblich, Lu:
  Applying the Delta Method in Metric Analytics, KDD 2018, section 3), with G / (G - 1) for few of them.
- The judge looks again and again. The bound is that of a mixture sequential probability ratio test (Robbins 1970;
  Johari, Koomen, Pekelis, Walsh: Always Valid Inference, Operations Research 2022), with the mixture over positive
  effects only since only a worse candidate counts (Howard, Ramdas, McAuliffe, Sekhon: Time-uniform, nonparametric,
  nonasymptotic confidence sequences, Annals of Statistics 2021, section 3). With an estimated variance it holds as
  the number of people grows (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas: Time-uniform central limit theory and
  asymptotic confidence sequences, 2021).
- There may be few people, and few events. The bound is widened as Student's t is for the effective number of people
  (Kish: a person with half of all answers is not one of twenty), the variance is never below that of the pooled arms,
  and a share's never below what one more event would make of it. Below a floor nothing is concluded.

Answers of one person in both arms, as when a stage grew, are a cluster in each: what is alike in them would make the
difference more certain than is said here, so that errs on the safe side.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import erfc, exp, log, sqrt
from typing import Self


@dataclass(frozen=True, slots=True)
class Sums:
    """Of the people of one arm: y and n of each, and their products, summed. Enough for the ratio and its variance."""

    users: int = 0
    answers: int = 0
    y: float = 0.0
    n: float = 0.0
    yy: float = 0.0
    yn: float = 0.0
    nn: float = 0.0

    @classmethod
    def of(cls, people: Iterable[tuple[float, float]]) -> Self:
        """From (y, n) of each, where n counts answers."""
        pairs = [(y, n) for y, n in people if n]
        return cls(
            users=len(pairs),
            answers=round(sum(n for _, n in pairs)),
            y=sum(y for y, _ in pairs),
            n=sum(n for _, n in pairs),
            yy=sum(y * y for y, _ in pairs),
            yn=sum(y * n for y, n in pairs),
            nn=sum(n * n for _, n in pairs),
        )

    @property
    def rate(self) -> float | None:
        return self.y / self.n if self.n else None

    @property
    def effective_users(self) -> float:
        """Kish's effective number: of people with the same n each it is their number."""
        return self.n**2 / self.nn if self.nn else 0.0

    @property
    def residue(self) -> float:
        """Sum over people of (y - R n) squared."""
        rate = self.rate or 0.0
        return max(self.yy - 2 * rate * self.yn + rate**2 * self.nn, 0.0)


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus baseline, with a bound on either side that holds at all looks together, each with 1 - alpha."""

    value: float
    error: float
    low: float
    high: float


def compare(baseline: Sums, candidate: Sums, *, alpha: float, scale: float, is_share: bool) -> Difference | None:
    """None where an arm has nothing to count, or both together fewer than three people.

    `scale` is the size of the effects that the mixture looks for; it decides where the bound is tightest, and not
    whether it holds.
    """
    if baseline.rate is None or candidate.rate is None or baseline.users + candidate.users < 3:
        return None
    value = candidate.rate - baseline.rate
    error = sqrt(_variance(baseline, candidate, is_share=is_share))
    if not error:
        return Difference(value, error, value, value)
    freedom = max(baseline.effective_users + candidate.effective_users - 2, 1.0)
    reach = as_t(critical_z(error, alpha=alpha, scale=scale), freedom) * error
    return Difference(value, error, value - reach, value + reach)


def critical_z(error: float, *, alpha: float, scale: float) -> float:
    """How many standard errors away is too far: where the one-sided normal mixture reaches 1 / alpha.

    The mixture 2 sqrt(1 / (1 + r)) exp(z^2 / 2 * r / (1 + r)) Phi(z sqrt(r / (1 + r))), r = (scale / error)^2, is
    solved for z by one step from below, which ends above the root: on the safe side.
    """
    ratio = (scale / error) ** 2
    stretch = 1 + 1 / ratio
    needed = log(0.5 / alpha) + 0.5 * log(1 + ratio)
    start = sqrt(2 * stretch * max(needed, 0.0))
    return sqrt(2 * stretch * max(needed - log(_phi(start / sqrt(stretch))), 0.0))


def _variance(baseline: Sums, candidate: Sums, *, is_share: bool) -> float:
    """The larger one of the arms' own variances and of the pooled one, that identical arms have in common."""
    people = baseline.users + candidate.users
    residue = (baseline.residue + candidate.residue) * people / (people - 2)
    pooled = residue / (baseline.n + candidate.n) * (1 / baseline.n + 1 / candidate.n)
    own = sum(max(_own_variance(arm), _least_variance(arm) if is_share else 0.0) for arm in (baseline, candidate))
    return max(own, pooled)


def _own_variance(arm: Sums) -> float:
    return arm.residue / arm.n**2 * arm.users / (arm.users - 1) if arm.users > 1 else 0.0


def _least_variance(arm: Sums) -> float:
    """Of independent answers with one event more and one less: an arm without any event is not certain of that."""
    rate = (arm.y + 1) / (arm.n + 2)
    return rate * (1 - rate) / arm.n


def as_t(z: float, freedom: float) -> float:
    """Where Student's t has the tail that the normal distribution has at z (Wallace, Ann. Math. Stat. 30, 1959)."""
    stretched = z * (8 * freedom + 3) / (8 * freedom + 1)
    return sqrt(freedom * (exp(min(stretched**2 / freedom, 500.0)) - 1))


def _phi(z: float) -> float:
    return 0.5 * erfc(-z / sqrt(2))
