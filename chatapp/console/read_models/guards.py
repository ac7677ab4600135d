"""What the guards of a rollout see, as its page shows it: both arms, their difference, and how much is let pass."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.inference.models import Rollout
from chatapp.inference.rollouts.guards import GUARDS, Guard
from chatapp.inference.rollouts.judge import Verdict
from chatapp.inference.rollouts.verdicts import GuardVerdict

# In the order in which a page shows them.
GUARD_STATES = {
    "worse": ("danger", "Worse"),
    "unclear": ("warn", "Unclear"),
    "ok": ("ok", "Not worse so far"),
    "too_few": ("plain", "Too few answers"),
}


@dataclass(frozen=True, slots=True)
class Interval:
    """The drawing of a difference, 0 to 100 across, 50 where the arms are equal; `limit` is where it gets too bad."""

    low: float
    high: float
    value: float
    limit: float


@dataclass(frozen=True, slots=True)
class GuardRow:
    found: GuardVerdict
    tolerance: float | None
    interval: Interval | None

    @property
    def guard(self) -> Guard:
        return GUARDS[self.found.name]

    @property
    def level(self) -> str:
        return GUARD_STATES[self.found.state][0]

    @property
    def state(self) -> str:
        return GUARD_STATES[self.found.state][1]

    @property
    def baseline(self) -> str:
        return "" if self.found.baseline is None else self.guard.show(self.found.baseline)

    @property
    def candidate(self) -> str:
        return "" if self.found.candidate is None else self.guard.show(self.found.candidate)

    @property
    def difference(self) -> str:
        """`+1.2 points (+0.5 to +2.9)`: the candidate's figure less the baseline's; empty where there is none yet."""
        found = self.found
        if found.baseline is None or found.candidate is None:
            return ""
        value = self._signed(found.candidate - found.baseline)
        if found.low is None or found.high is None or found.state == "too_few":
            return value
        low, high = (self._signed(bound).rpartition(" ")[0] for bound in (found.low, found.high))
        return f"{value} ({low} to {high})"

    @property
    def allowed(self) -> str:
        """How much worse than the baseline is let pass."""
        if self.tolerance is None or self.found.baseline is None:
            return ""
        return self._signed(self._margin * (1 if self.guard.worse == "higher" else -1))

    @property
    def _margin(self) -> float:
        return self.guard.margin(self.found.baseline or 0.0, self.tolerance or 0.0)

    def _signed(self, figure: float) -> str:
        sign = "\N{MINUS SIGN}" if figure < 0 else "+"
        return f"{sign}{self.guard.show_difference(figure)}"


def guard_rows(rollout: Rollout, verdict: Verdict | None) -> list[GuardRow]:
    """What is worse first, then what may be; before the judge's first look the guards without figures."""
    found = verdict.guards if verdict is not None else [_unseen(name) for name in rollout.guards]
    return [_guard_row(one, rollout.guards.get(one.name, {}).get("tolerance")) for one in _worst_first(found)]


def paired_rows(found: Sequence[GuardVerdict]) -> list[GuardRow]:
    """Of questions that both versions answered; each guard with its usual tolerance."""
    return [_guard_row(one, one.guard.tolerance) for one in _worst_first(found)]


def _worst_first(found: Sequence[GuardVerdict]) -> list[GuardVerdict]:
    states, names = list(GUARD_STATES), list(GUARDS)
    return sorted(found, key=lambda one: (states.index(one.state), names.index(one.name)))


def _unseen(name: str) -> GuardVerdict:
    return GuardVerdict(
        name=name, baseline=None, candidate=None, low=None, high=None, answers=0, users=0, state="too_few"
    )


def _guard_row(found: GuardVerdict, tolerance: float | None) -> GuardRow:
    return GuardRow(found, tolerance, None if found.state == "too_few" else _interval(found, tolerance))


def _interval(found: GuardVerdict, tolerance: float | None) -> Interval | None:
    """What lies beyond the drawing is cut off: an interval begins as wide as can be."""
    baseline, candidate, low, high = found.baseline, found.candidate, found.low, found.high
    if baseline is None or candidate is None or low is None or high is None or tolerance is None:
        return None
    value = candidate - baseline
    limit = found.guard.margin(baseline, tolerance) * (1 if found.guard.worse == "higher" else -1)
    half = max(2.5 * abs(limit), 1.4 * abs(value), 1e-9)
    at_low, at_high, at_value, at_limit = (_across(figure / half) for figure in (low, high, value, limit))
    return Interval(at_low, at_high, at_value, at_limit)


def _across(figure: float) -> float:
    """Of -1 to 1 in the drawing."""
    return round(50 + 50 * min(1.0, max(-1.0, figure)), 1)
