"""A replay's result, check by check."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from chatapp.moderation.checks.check import Check
from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.models import Replay
from chatapp.moderation.replay.curve import FEWEST_LABELS, Label, Point, count_from, curve, labels_for, point_at
from chatapp.moderation.replay.looking import runs
from chatapp.moderation.replay.selectors import list_labels, list_scores


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`found` counts texts, `newly` those that nothing objected to then. `now` is at the check's own threshold.

    `points` is the curve of an examiner, with how many texts of the whole period each threshold finds.
    """

    number: int
    check: Check
    was_run: bool
    found: int
    newly: int
    labels: int
    now: Point
    points: list[tuple[Point, int]]

    @property
    def has_enough_labels(self) -> bool:
        return self.labels >= FEWEST_LABELS


def results_of(replay: Replay) -> list[CheckResult]:
    """In the order of the version's checks. Decisions count as they stand now."""
    labels = list_labels(replay)
    scores = list_scores(replay, {label.exchange_id for label in labels})
    return [
        _result(replay, number, check, labels=labels, scores=scores.get(number, {}))
        for number, check in enumerate(build_checks(replay.policy.checks))
    ]


def _result(
    replay: Replay, number: int, check: Check, *, labels: list[Label], scores: Mapping[UUID, float]
) -> CheckResult:
    was_run = runs(check, with_remote=replay.with_remote)
    concerned = labels_for(check, [label for label in labels if _concerns(check, label)]) if was_run else {}
    bins = replay.figures.get("scores", {}).get(str(number), [])
    threshold = check.threshold if check.examiner else 1.0
    return CheckResult(
        number=number,
        check=check,
        was_run=was_run,
        found=replay.figures.get("found", {}).get(str(number), 0),
        newly=replay.figures.get("newly", {}).get(str(number), 0),
        labels=len(concerned),
        now=point_at(threshold, concerned, scores),
        points=[(point, count_from(bins, point.threshold)) for point in curve(threshold, concerned, scores)]
        if bins
        else [],
    )


def _concerns(check: Check, label: Label) -> bool:
    return check.stage == label.stage and check.scope.covers(groups=label.groups, route=label.route)
