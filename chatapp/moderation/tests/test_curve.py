"""Precision and recall by hand: ten decisions, five of them violations."""

from uuid import UUID, uuid4

import pytest

from chatapp.moderation.checks.schema import build_checks
from chatapp.moderation.models import Action, FlagStatus, Verdict
from chatapp.moderation.replay.comparing import Outcome, Sums, compare
from chatapp.moderation.replay.curve import Label, count_from, curve, labels_for, point_at
from chatapp.moderation.replay.results import results_of
from chatapp.moderation.tests.replaying import PATTERN, SCORED, decide, finish, keep, make_policy, scored_kind, start
from tests.people import make_person

KEYS = [uuid4() for _ in range(10)]
# The five violations score 0.9, 0.8, 0.6, 0.4 and nothing; of the others one scores 0.7 and one 0.3.
LABELS = {key: number < 5 for number, key in enumerate(KEYS)}
SCORES = dict(zip([*KEYS[:4], KEYS[5], KEYS[6]], [0.9, 0.8, 0.6, 0.4, 0.7, 0.3], strict=True))


@pytest.mark.parametrize(
    "threshold,precision,recall",
    [
        (0.25, 4 / 6, 4 / 5),
        (0.35, 4 / 5, 4 / 5),
        (0.5, 3 / 4, 3 / 5),
        (0.65, 2 / 3, 2 / 5),
        (0.75, 1.0, 2 / 5),
        (0.95, None, 0),
    ],
)
def test_precision_and_recall_at_a_threshold(threshold: float, precision: float | None, recall: float) -> None:
    point = point_at(threshold, LABELS, SCORES)
    assert (point.precision, point.recall) == (precision, recall)


def test_without_a_violation_there_is_no_recall() -> None:
    assert point_at(0.5, {KEYS[0]: False}, SCORES).recall is None


def test_the_curve_has_the_own_threshold_and_rises() -> None:
    thresholds = [point.threshold for point in curve(0.333, LABELS, SCORES)]
    assert thresholds == sorted(set(thresholds))
    assert 0.333 in thresholds
    recalls = [point.recall or 0 for point in curve(0.333, LABELS, SCORES)]
    assert recalls == sorted(recalls, reverse=True)


def test_a_threshold_of_two_decimals_counts_exactly() -> None:
    sums = Sums()
    for score in (0.0, 0.28, 0.29, 0.3, 0.57, 1.0):
        sums.add_score(0, score)
    counts = [count_from(sums.scores["0"], threshold) for threshold in (0.0, 0.28, 0.29, 0.3, 0.58, 1.0)]
    assert counts == [6, 5, 4, 3, 1, 1]


def test_whose_decision_speaks_for_which_check() -> None:
    check = build_checks([PATTERN])[0]
    one = KEYS[0]

    def speaks(kind: str | None, *, is_violation: bool) -> dict[UUID, bool]:
        return labels_for(check, [Label(one, "output", kind, is_violation)])

    assert speaks("pattern", is_violation=True) == {one: True}
    assert speaks("pii", is_violation=True) == {}
    assert speaks("pii", is_violation=False) == {}
    assert speaks(None, is_violation=False) == {one: False}
    assert speaks(None, is_violation=True) == {}
    both = [Label(one, "output", "pattern", is_violation=True), Label(one, "output", None, is_violation=False)]
    assert labels_for(check, both) == labels_for(check, both[::-1]) == {one: True}


@pytest.mark.parametrize(
    "then,found,outcome,after",
    [
        ([], [], Outcome.SAME, Action.ALLOW),
        ([], [Action.ALLOW], Outcome.SAME, Action.ALLOW),
        ([], [Action.FLAG, Action.BLOCK], Outcome.NEWLY, Action.BLOCK),
        ([Action.BLOCK], [Action.FLAG], Outcome.MILDER, Action.FLAG),
        ([Action.FLAG], [Action.BLOCK], Outcome.STRICTER, Action.BLOCK),
        ([Action.FLAG], [], Outcome.RELEASED, Action.ALLOW),
        ([Action.MASK], [], Outcome.UNKNOWN, Action.ALLOW),
        ([Action.MASK], [Action.MASK], Outcome.SAME, Action.MASK),
    ],
)
def test_what_changes_for_a_text(then: list[Action], found: list[Action], outcome: Outcome, after: Action) -> None:
    verdicts = [Verdict(action=action, stage="output") for action in then]
    compared = compare(verdicts, name="company", found=found, is_original=False)
    assert (compared.outcome, compared.after) == (outcome, after)


@pytest.mark.django_db
def test_reviewers_decisions_are_the_labels() -> None:
    ada = make_person("ada")
    with scored_kind():
        active = make_policy(SCORED, activate=True)
        for number in range(24):
            exchange = keep(f"score={0.9 - number / 40:.3f}", policy=active, minutes=60 + number)
            decide(exchange, FlagStatus.UPHELD if number < 16 else FlagStatus.DISMISSED)
        decide(keep("score=0.99", policy=active), FlagStatus.ESCALATED)
        decide(keep("score=0.99", policy=active, minutes=60 * 24 * 3), FlagStatus.UPHELD)
        draft = make_policy({**SCORED, "threshold": 0.45}, PATTERN)
        scored, pattern = results_of(finish(start(ada, draft)))
    assert (scored.labels, scored.has_enough_labels, scored.found) == (24, True, 20)
    # Scores from 0.9 down in steps of 0.025: 19 of those with a decision reach 0.45, 16 of them upheld.
    assert (scored.now.precision, scored.now.recall) == (16 / 19, 1.0)
    at = {point.threshold: (point.precision, point.recall, texts) for point, texts in scored.points}
    assert at[0.7] == (1.0, 9 / 16, 10)
    assert at[0.45] == (16 / 19, 1.0, 20)
    assert (pattern.labels, pattern.has_enough_labels, pattern.points) == (0, False, [])
