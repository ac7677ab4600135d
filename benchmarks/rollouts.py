"""How often the judge errs, and how soon it sees: python -m benchmarks.rollouts [--json] [--histories N]

Random histories of a rollout, judged after every 20 answers by all guards, as the product judges them. People differ
much in how often they ask (lognormal) and in what becomes of their answers (beta, `likeness` is the correlation of two
answers of one person). `false alarms`: an identical candidate that was rolled back, without any tolerance, so that
nothing but the statistics holds it. `stopped`: a worse one that was, with the usual tolerances, and after how many of
its answers. Needs no database. Prints one JSON object last.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np
import numpy.typing as npt

from chatapp.inference.rollouts.guards import GUARDS, Guard
from chatapp.inference.rollouts.statistics import Sums
from chatapp.inference.rollouts.verdicts import LEAST_ANSWERS, judge_guard

LOOK_EVERY = 20
# What a baseline is like: shares of answers, and of `support` the mean part that is borne out.
RATES: Mapping[str, float] = {
    "errors": 0.02,
    "first_token": 0.04,
    "speed": 30.0,
    "cut": 0.03,
    "refusals": 0.08,
    "support": 0.8,
    "flags": 0.02,
    "thumbs_down": 0.03,
}
_NAMES = tuple(GUARDS)
_SPEED, _SUPPORT = _NAMES.index("speed"), _NAMES.index("support")
WITH_SOURCES = 0.6
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class History:
    """`shares` follow each other evenly over `answers` answers of both arms. `candidate` is in what it differs.

    `trouble` multiplies what happens to both arms from one share to the next, as an hour does in which all is bad.
    """

    people: int
    shares: Sequence[float]
    answers: int
    likeness: float
    spread: float = 1.0
    rates: Mapping[str, float] = field(default_factory=dict)
    candidate: Mapping[str, float] = field(default_factory=dict)
    trouble: float = 1.0
    guards: Sequence[str] = _NAMES


@dataclass(frozen=True)
class Stop:
    """By which guard, and after how many answers of the candidate."""

    guard: str
    answers: int


def play(history: History, rng: np.random.Generator, *, alpha: float = 0.05, is_strict: bool = False) -> Stop | None:
    """When the candidate is rolled back; None when it is not. `is_strict`: without tolerances."""
    guards = [_strict(GUARDS[name]) if is_strict else GUARDS[name] for name in history.guards]
    activity = rng.lognormal(0, history.spread, history.people)
    activity /= activity.sum()
    draws = rng.permutation(history.people) / history.people
    rates = {**RATES, **history.rates}
    base = _tendencies(rates, history, rng)
    differs = any(rates[name] != rate for name, rate in history.candidate.items())
    tendencies = np.stack([base, _tendencies({**rates, **history.candidate}, history, rng) if differs else base])
    y, n, counts = (np.zeros((2, len(_NAMES), history.people)) for _ in range(3))
    stage = 0
    for start in range(0, history.answers, LOOK_EVERY):
        before, stage = stage, start * len(history.shares) // history.answers
        if stage > before:
            weight = _odds(history.shares[before]) / _odds(history.shares[stage])
            y[0], n[0], tendencies = y[0] * weight, n[0] * weight, tendencies * history.trouble
        who = rng.choice(history.people, LOOK_EVERY, p=activity)
        arm = (draws[who] < history.shares[stage]).astype(int)
        _answer(y, n, counts, who=who, arm=arm, tendency=tendencies[arm, :, who].T, rng=rng)
        if min(answered := counts[:, 0].sum(axis=1)) < LEAST_ANSWERS:
            continue
        if (guard := _worse(guards, y, n, counts, alpha=alpha, is_strict=is_strict)) is not None:
            return Stop(guard, int(answered[1]))
    return None


def random_history(rng: np.random.Generator, *, answers: int = 400) -> History:
    """Any company, plan and likeness: what the level of the test must hold for."""
    plans = ((0.25,), (0.5,), (0.05, 0.25, 0.5), (0.1, 0.5), (0.01, 0.05, 0.25))
    return History(
        people=int(np.exp(rng.uniform(np.log(20), np.log(300)))),
        shares=plans[rng.integers(len(plans))],
        answers=answers,
        likeness=rng.uniform(0.01, 0.3),
        spread=rng.uniform(0.3, 1.5),
        rates={name: rate * rng.uniform(0.3, 2.0) for name, rate in RATES.items() if name != "support"},
    )


def _odds(share: float) -> float:
    """By which the answers of a baseline weigh, see rollouts/figures.py."""
    return share / (1 - share)


def _strict(guard: Guard) -> Guard:
    return replace(guard, floor=0.0)


def _tendencies(rates: Mapping[str, float], history: History, rng: np.random.Generator) -> Matrix:
    """By guard and person: beta around the rate; of speed lognormal."""
    weight = (1 - history.likeness) / history.likeness
    rows = [
        rates[name] * rng.lognormal(0, history.likeness, history.people)
        if name == "speed"
        else rng.beta(rates[name] * weight, (1 - rates[name]) * weight, history.people)
        for name in _NAMES
    ]
    return np.array(rows)


def _answer(
    y: Matrix,
    n: Matrix,
    counts: Matrix,
    *,
    who: npt.NDArray[np.int64],
    arm: npt.NDArray[np.int64],
    tendency: Matrix,
    rng: np.random.Generator,
) -> None:
    """Adds one answer of each of `who`."""
    happened = (rng.random(tendency.shape) < tendency).astype(float)
    weighed = np.ones(tendency.shape)
    weighed[_SUPPORT] = rng.random(len(who)) < WITH_SOURCES
    happened[_SUPPORT] = weighed[_SUPPORT] * (happened[_SUPPORT] + rng.random(len(who)) * tendency[_SUPPORT]) / 2
    count = (weighed > 0).astype(float)
    happened[_SPEED] = rng.lognormal(4.5, 0.6, len(who))
    weighed[_SPEED] = happened[_SPEED] / (tendency[_SPEED] * rng.lognormal(0, 0.2, len(who)))
    for place in range(len(who)):
        at = (arm[place], slice(None), who[place])
        y[at] += happened[:, place]
        n[at] += weighed[:, place]
        counts[at] += count[:, place]


def _worse(
    guards: Sequence[Guard], y: Matrix, n: Matrix, counts: Matrix, *, alpha: float, is_strict: bool
) -> str | None:
    """The first guard that would roll back now."""
    moments = np.stack([(n > 0).sum(-1), counts.sum(-1), *((m).sum(-1) for m in (y, n, y * y, y * n, n * n))], -1)
    for guard in guards:
        index = _NAMES.index(guard.name)
        baseline, candidate = (Sums(int(u), int(a), *rest) for u, a, *rest in moments[:, index].tolist())
        tolerance = 0.0 if is_strict else guard.tolerance
        share = alpha / len(guards)
        judged = judge_guard(guard, baseline=baseline, candidate=candidate, tolerance=tolerance, alpha=share)
        if judged.state == "worse":
            return guard.name
    return None


WORSE: Mapping[str, History] = {
    "errors 8 % to 16 %, 1,000 people, 25 %": History(
        people=1000, shares=(0.25,), answers=8000, likeness=0.03, rates={"errors": 0.08}, candidate={"errors": 0.16}
    ),
    "errors 8 % to 16 %, 300 people, 50 %": History(
        people=300, shares=(0.5,), answers=6000, likeness=0.03, rates={"errors": 0.08}, candidate={"errors": 0.16}
    ),
    "every fifth fails, 1,000 people, 5 %": History(
        people=1000, shares=(0.05,), answers=8000, likeness=0.03, rates={"errors": 0.004}, candidate={"errors": 0.2}
    ),
    "every fifth fails, 20 people, 25 %": History(
        people=20, shares=(0.25,), answers=2000, likeness=0.001, spread=0.2, candidate={"errors": 0.2}
    ),
    "half as fast, 300 people, 25 %": History(
        people=300, shares=(0.25,), answers=4000, likeness=0.1, candidate={"speed": 15.0}
    ),
    "refuses 8 % to 24 %, 300 people, 25 %": History(
        people=300, shares=(0.25,), answers=4000, likeness=0.05, candidate={"refusals": 0.24}
    ),
}


def measure_stops(history: History, rng: np.random.Generator, histories: int) -> dict[str, float]:
    stops = [stop.answers for _ in range(histories) if (stop := play(history, rng)) is not None]
    late = sorted(stops)[int(len(stops) * 0.95)] if stops else 0
    return {"stopped": len(stops) / histories, "median": median(stops) if stops else 0, "p95": late}


def measure_false_alarms(rng: np.random.Generator, histories: int, *, answers: int = 400) -> float:
    return (
        sum(play(random_history(rng, answers=answers), rng, is_strict=True) is not None for _ in range(histories))
        / histories
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--histories", type=int, default=1000)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    level = measure_false_alarms(rng, options.histories, answers=2000)
    worse = {name: measure_stops(history, rng, options.histories // 5) for name, history in WORSE.items()}
    if not options.json:
        print(f"false alarms: {level:.1%} of {options.histories} identical candidates (level 5 %)")
        for name, found in worse.items():
            print(f"{name}: {found['stopped']:.0%} stopped, median {found['median']:.0f}, p95 {found['p95']:.0f}")
    print(json.dumps({"benchmark": "rollouts", "false_alarms": level, "worse": worse}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
