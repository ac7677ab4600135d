"""What a replayed version would have done, against what was done: sums that are kept with the replay."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from chatapp.moderation.checks.findings import strictest
from chatapp.moderation.models import Action, Verdict

MAX_SAMPLES = 20
# Of scores, from 0 to 1. A threshold of two decimals falls between two bins.
BINS = 100


class Outcome(StrEnum):
    """`unknown`: what a check masked then is not kept, so nobody can tell what the version would find there."""

    NEWLY = "newly"
    RELEASED = "released"
    STRICTER = "stricter"
    MILDER = "milder"
    SAME = "same"
    UNKNOWN = "unknown"


SAMPLED = (Outcome.NEWLY, Outcome.RELEASED)


@dataclass(frozen=True, slots=True)
class Compared:
    """One text: the strictest action on it then, and with the replayed version in the place of its namesakes."""

    before: Action
    after: Action
    outcome: Outcome


def compare(verdicts: Collection[Verdict], *, name: str, found: Collection[Action], is_original: bool) -> Compared:
    """`verdicts` are those stored of one text, with their policies; `found` the actions of the replay's findings.

    Versions of other names would still apply, so what they did stays. `is_original`: the text is kept as it was judged.
    """
    done = [verdict for verdict in verdicts if not verdict.is_shadow]
    others = [Action(one.action) for one in done if one.policy is not None and one.policy.name != name]
    before = strictest([Action(one.action) for one in done])
    after = strictest([*others, *found])
    was_masked = not is_original and any(one.action == Action.MASK and not one.failure for one in done)
    return Compared(before, after, _outcome(before, after, was_masked=was_masked))


def _outcome(before: Action, after: Action, *, was_masked: bool) -> Outcome:
    if before == after:
        return Outcome.SAME
    if was_masked:
        return Outcome.UNKNOWN
    if before == Action.ALLOW:
        return Outcome.NEWLY
    if after == Action.ALLOW:
        return Outcome.RELEASED
    return Outcome.STRICTER if strictest([before, after]) == after else Outcome.MILDER


@dataclass(slots=True)
class Sums:
    """`as_dict` is what a replay keeps. Checks are named by their place in the version's list."""

    outcomes: Counter[str] = field(default_factory=Counter)
    moves: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    newly: Counter[str] = field(default_factory=Counter)
    released: Counter[str] = field(default_factory=Counter)
    scores: dict[str, list[int]] = field(default_factory=dict)
    samples: dict[str, list[list[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, figures: Mapping[str, Any]) -> "Sums":
        counters = {key: Counter(figures.get(key, {})) for key in ("outcomes", "moves", "found", "newly", "released")}
        return cls(
            **counters,
            scores={key: list(bins) for key, bins in figures.get("scores", {}).items()},
            samples={key: list(rows) for key, rows in figures.get("samples", {}).items()},
        )

    def as_dict(self) -> dict[str, Any]:
        counters = {key: dict(getattr(self, key)) for key in ("outcomes", "moves", "found", "newly", "released")}
        return {**counters, "scores": self.scores, "samples": self.samples}

    def add_score(self, number: int, score: float) -> None:
        bins = self.scores.setdefault(str(number), [0] * (BINS + 1))
        bins[min(BINS, int(score * BINS + 1e-9))] += 1

    def add_text(
        self, key: str, stage: str, compared: Compared, *, found_by: Iterable[int], done_by: Iterable[str]
    ) -> None:
        """`key` is the exchange's id, `found_by` the checks of the replay, `done_by` the names of those of then."""
        self.outcomes[compared.outcome] += 1
        if compared.before != compared.after:
            self.moves[f"{stage} {compared.before} {compared.after}"] += 1
        numbers = [str(number) for number in found_by]
        self.found.update(numbers)
        if compared.outcome == Outcome.NEWLY:
            self.newly.update(numbers)
        if compared.outcome == Outcome.RELEASED:
            self.released.update(set(done_by))
        if compared.outcome in SAMPLED:
            # Ids are random, so the smallest ones of all are a fair sample, whatever the slices were.
            rows = [*self.samples.get(compared.outcome, []), [key, stage]]
            self.samples[compared.outcome.value] = sorted(rows)[:MAX_SAMPLES]
