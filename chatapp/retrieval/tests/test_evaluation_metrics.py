"""The measures against values worked out by hand, and when a passage holds a source."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log2

import pytest

from chatapp.retrieval.evaluation import Judged, Source, figures_of, judge, rank_sources
from chatapp.retrieval.evaluation.metrics import ndcg, recall, reciprocal_rank


@dataclass(frozen=True)
class Found:
    document_name: str
    text: str


def test_recall_is_the_share_of_what_is_relevant_among_the_first_k() -> None:
    ranks = [1, 4, None, 12]
    assert recall(ranks, k=3) == 0.25
    assert recall(ranks, k=10) == 0.5
    assert recall(ranks, k=20) == 0.75


def test_mrr_of_the_textbook() -> None:
    """First relevant results at ranks 3, 2 and 1: (1/3 + 1/2 + 1) / 3 = 11/18."""
    ranks: list[list[int | None]] = [[3], [2, 5], [1, None]]
    assert sum(reciprocal_rank(one, k=10) for one in ranks) / 3 == pytest.approx(11 / 18)
    assert reciprocal_rank([11, None], k=10) == 0


def test_ndcg_of_jarvelin_and_kekalainen() -> None:
    """Gains 1, 0, 1 of two relevant ones: DCG 1 + 1/log2(4) = 1.5; ideal 1 + 1/log2(3) = 1.63093."""
    assert ndcg([1, 3], k=10) == pytest.approx(1.5 / 1.6309297535714575)
    assert ndcg([2], k=10) == pytest.approx(1 / log2(3))
    assert ndcg([1, 2, 3], k=10) == pytest.approx(1)
    assert ndcg([None, 11], k=10) == 0


def test_ndcg_of_more_relevant_items_than_places_can_be_perfect() -> None:
    assert ndcg([*range(1, 11), 11, None], k=10) == pytest.approx(1)


def test_two_facts_in_one_passage_are_one_relevant_passage() -> None:
    assert ndcg([1, 1], k=10) == pytest.approx(1)
    assert ndcg([2, 2], k=10) == pytest.approx(1 / log2(3))


@pytest.mark.parametrize("measure", [recall, reciprocal_rank, ndcg])
def test_a_question_without_sources_has_no_rank(measure: Callable[..., float]) -> None:
    with pytest.raises(ValueError, match="Nothing is relevant"):
        measure([], k=10)


PASSAGES = [
    Found("travel.md", "Trips are booked by the office. Tell it a week before."),
    Found("leave.md", "Every employee receives **28 days**\nof paid holiday per year."),
    Found("leave.md", "Unused days lapse at the end of March."),
]


@pytest.mark.parametrize(
    "source,rank",
    [
        (Source("leave.md"), 2),
        (Source("leave.md", "Unused days lapse"), 3),
        (Source("leave.md", "28 days of paid holiday"), 2),
        (Source("leave.md", "28 days of unpaid holiday"), None),
        (Source("travel.md", "28 days of paid holiday"), None),
        (Source("pension.md"), None),
        (Source("leave.md", "day"), None),
        # Cut by the end of a passage: its first half stands in the second passage, its last half in the third.
        (Source("leave.md", "paid holiday per year and then what else"), 2),
        (Source("leave.md", "which nobody has written so unused days lapse at the end"), 3),
    ],
)
def test_a_source_is_found_by_document_and_words(source: Source, rank: int | None) -> None:
    assert rank_sources([source], PASSAGES) == [rank]


def test_a_question_is_right_when_the_model_would_get_a_source() -> None:
    assert judge([3, None], found=10).is_right
    assert not judge([4], found=10).is_right
    assert judge([], found=0) == Judged(is_right=True, expects_answer=False)
    assert not judge([], found=1).is_right


def test_figures_are_means_over_their_own_questions() -> None:
    judged = [judge([1], found=5), judge([None], found=5), judge([], found=0), judge([], found=2)]
    assert figures_of(judged, milliseconds=[10, 20, 40, 30]) == {
        "questions": 4,
        "answerable": 2,
        "recall_at_3": 0.5,
        "recall_at_10": 0.5,
        "mrr": 0.5,
        "ndcg_at_10": 0.5,
        "no_answer_accuracy": 0.5,
        "milliseconds": 25.0,
    }


def test_what_was_not_asked_has_no_figure() -> None:
    figures = figures_of([judge([], found=0)], milliseconds=[])
    assert figures["recall_at_10"] is None
    assert figures["no_answer_accuracy"] == 1
    assert figures["milliseconds"] is None
