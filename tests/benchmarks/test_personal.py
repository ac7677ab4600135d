"""How the benchmark of personal data counts; the figures themselves need a set that is not ours."""

from benchmarks.moderation.personal import Count, _apart, _count
from chatapp.moderation.checks.examiner import Hit


def test_hits_are_right_by_touching_a_span_and_exact_by_equalling_one() -> None:
    count = Count()
    _count(count, spans=[(0, 5), (10, 20), (30, 40)], hits=[(0, 5), (12, 14), (15, 25), (50, 60)], tolerated=[(70, 80)])
    _count(count, spans=[], hits=[(75, 77)], tolerated=[(70, 80)])
    assert count == Count(found=2, exact=1, wrong=1, missed=1)
    assert count.figures() == {"spans": 3, "precision": 0.667, "recall": 0.667, "f1": 0.667, "exact": 0.5}


def test_nothing_found_is_no_division_by_zero() -> None:
    assert Count(missed=2).figures() == {"spans": 2, "precision": 0.0, "recall": 0.0, "f1": 0.0, "exact": 0.0}


def test_two_ways_to_one_find_are_one_hit() -> None:
    assert _apart([Hit(3, 9), Hit(0, 6), Hit(0, 4), Hit(9, 12)]) == [(0, 6), (9, 12)]
