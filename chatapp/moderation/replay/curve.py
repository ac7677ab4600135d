"""Precision and recall of a check at each threshold, with reviewers' decisions as the labels."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from uuid import UUID

from chatapp.moderation.checks.check import Check
from chatapp.moderation.replay.comparing import BINS

# With fewer labels one decision more moves a figure by over five points.
FEWEST_LABELS = 20
STEPS = tuple(step / 100 for step in range(5, 100, 5))


@dataclass(frozen=True, slots=True)
class Label:
    """A decision on one text. `kind` is of the check that raised the flag, None where a person or chance did."""

    exchange_id: UUID
    stage: str
    kind: str | None
    is_violation: bool
    route: str = ""
    groups: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Point:
    """`precision` is None where nothing is found, `recall` where nothing is there to be found."""

    threshold: float
    found: int
    right: int
    violations: int

    @property
    def precision(self) -> float | None:
        return self.right / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        return self.right / self.violations if self.violations else None


def labels_for(check: Check, labels: Iterable[Label]) -> dict[UUID, bool]:
    """By exchange, whether the check ought to find something there.

    A decision on a check's flag speaks for checks of that kind. A report or a sample that was dismissed found the text
    clean, which speaks for every kind; an upheld one does not say what was wrong. Of several the violation counts.
    """
    found: dict[UUID, bool] = {}
    for label in labels:
        of_kind = label.kind is not None and label.kind in {"", check.kind}
        if of_kind or (label.kind is None and not label.is_violation):
            found[label.exchange_id] = found.get(label.exchange_id, False) or label.is_violation
    return found


def point_at(threshold: float, labels: Mapping[UUID, bool], scores: Mapping[UUID, float]) -> Point:
    found = [is_violation for key, is_violation in labels.items() if scores.get(key, 0.0) >= threshold]
    return Point(threshold, len(found), sum(found), sum(labels.values()))


def curve(threshold: float, labels: Mapping[UUID, bool], scores: Mapping[UUID, float]) -> list[Point]:
    """Points by rising threshold, the check's own among them."""
    steps = sorted({*STEPS, round(threshold, 4)} - {0.0})
    return [point_at(step, labels, scores) for step in steps]


def count_from(bins: Sequence[int], threshold: float) -> int:
    """How many texts scored at least so much; exact for thresholds of two decimals."""
    return sum(bins[min(BINS, int(threshold * BINS + 1e-9)) :])
