"""Has a share risen so much, in few minutes and of few people, that it is worth waking somebody?

One person's answers are not independent: who meets a broken document meets it again and again. So a person is one
trial, whose outcome is the share of their answers with the event; of the day before, a person's answers of one hour
are one trial. The tail of the sum is at most about the binomial's (a share varies less than a coin with its mean),
against the upper end of what the day before allows (Wilson's bound, one-sided 99 %). Below a floor of answers, events
and people nothing is concluded: three failures at night wake nobody.

The figure is looked at every half minute, and windows overlap, so the level of a look is small. What that comes to
in false alarms, and what is found how soon, is simulated in tests/test_alert_simulation.py.
"""

from dataclasses import dataclass
from math import exp, floor, lgamma, log, log1p

from chatapp.evaluation.wilson import wilson_interval

ALPHA = 1e-3
MIN_ANSWERS = 8
MIN_EVENTS = 5
MIN_PEOPLE = 3  # with an event each
MIN_BASELINE = 10
_Z99 = 2.326


@dataclass(frozen=True, slots=True)
class Trials:
    """`shares` is the sum of the trials' shares, `answers` and `events` are those of all; `hit` have an event."""

    trials: int = 0
    shares: float = 0.0
    hit: int = 0
    answers: int = 0
    events: int = 0

    @property
    def rate(self) -> float:
        """Of the mean trial: nobody counts for more than one."""
        return self.shares / self.trials if self.trials else 0.0


def upper_bound(baseline: Trials, *, assumed: float) -> float:
    """The highest share that the baseline leaves possible, but no more than `assumed` while it was below that."""
    if baseline.rate > assumed:
        return _highest(baseline.rate, baseline.trials)
    return assumed if baseline.trials < MIN_BASELINE else min(_highest(baseline.rate, baseline.trials), assumed)


def highest_ordinary(baseline: Trials, *, assumed: float, margin: float) -> float:
    """The upper end of the band."""
    return min(1.0, max(upper_bound(baseline, assumed=assumed), baseline.rate + margin))


def is_risen(recent: Trials, baseline: Trials, *, assumed: float, margin: float, alpha: float = ALPHA) -> bool:
    if recent.answers < MIN_ANSWERS or recent.events < MIN_EVENTS or recent.hit < MIN_PEOPLE:
        return False
    if recent.rate <= highest_ordinary(baseline, assumed=assumed, margin=margin):
        return False
    return binomial_tail(recent.shares, recent.trials, upper_bound(baseline, assumed=assumed)) < alpha


def binomial_tail(events: float, trials: int, share: float) -> float:
    """P(X >= events); between whole numbers its logarithm is interpolated."""
    whole = floor(events)
    tails = _tail(whole, trials, share), _tail(whole + 1, trials, share)
    between = events - whole
    if not between or not tails[1]:
        return tails[0]
    return exp((1 - between) * log(tails[0]) + between * log(tails[1]))


def _tail(events: int, trials: int, share: float) -> float:
    if events <= 0 or share >= 1:
        return 1.0
    if events > trials or share <= 0:
        return 0.0
    return min(1.0, sum(_term(count, trials, share) for count in range(events, trials + 1)))


def _term(count: int, trials: int, share: float) -> float:
    ways = lgamma(trials + 1) - lgamma(count + 1) - lgamma(trials - count + 1)
    return exp(ways + count * log(share) + (trials - count) * log1p(-share))


def _highest(rate: float, size: int) -> float:
    return wilson_interval(rate, size, z=_Z99)[1]
