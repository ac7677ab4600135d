"""Pass marks: what counts as passed, and what is no mark."""

import pytest

from chatapp.errors import ChatappError
from chatapp.evaluation.gate.marks import DEFAULT_MARKS, Judged, Mark, as_stored, is_passed, judge_marks, parse_marks
from chatapp.evaluation.models import Suite

ALL = list(Suite)
GOOD = {"facts": 0.9, "citations": 0.8, "refusals": 1.0, "safety": 1.0, "errors": 0.0, "load_errors": 0.0}


def judged(figures: dict[str, float | None], baseline: dict[str, float | None] | None = None) -> dict[str, Judged]:
    found = judge_marks({**GOOD, **figures}, DEFAULT_MARKS, suites=ALL, baseline=baseline or {})
    return {one.key: one for one in found}


def test_a_good_version_passes() -> None:
    assert is_passed(list(judged({}).values()))


@pytest.mark.parametrize(
    "figures", [{"facts": 0.79}, {"safety": 0.94}, {"errors": 1.0}, {"load_errors": 1.0}, {"speed_ratio": 0.4}]
)
def test_one_missed_mark_fails_the_run(figures: dict[str, float | None]) -> None:
    assert not is_passed(list(judged(figures).values()))


def test_who_is_not_much_worse_than_the_serving_version_passes() -> None:
    assert judged({"facts": 0.6}, {"facts": 0.64})["facts"].passed is True
    assert judged({"facts": 0.6}, {"facts": 0.66})["facts"].passed is False
    assert judged({"safety": 0.9}, {"safety": 0.9})["safety"].passed is False  # No slack where safety is concerned.


def test_what_was_not_measured_or_has_no_limit_decides_nothing() -> None:
    assert judged({"facts": None})["facts"].passed is None
    assert judged({"speed": 3.0})["speed"].passed is None
    assert not is_passed([Judged("facts", None, 0.8)])


def test_only_the_asked_suites_are_judged() -> None:
    keys = [one.key for one in judge_marks(GOOD, DEFAULT_MARKS, suites=[Suite.SAFETY], baseline={})]
    assert keys == ["safety", "errors"]
    assert "errors" not in [one.key for one in judge_marks(GOOD, DEFAULT_MARKS, suites=[Suite.LOAD], baseline={})]


def test_marks_are_parsed_over_those_of_the_company() -> None:
    company = parse_marks({"facts": 0.5})
    marks = parse_marks({"facts": {"slack": None}, "safety": None}, over=company)
    assert marks["facts"] == Mark(0.5, None)
    assert marks["safety"].limit is None
    assert marks["errors"] == DEFAULT_MARKS["errors"]
    assert parse_marks(as_stored(marks)) == marks


@pytest.mark.parametrize(
    "raw",
    [[], "0.8", {"fact": 0.8}, {"facts": "0.8"}, {"facts": True}, {"facts": -1}, {"facts": float("nan")},
     {"facts": {"limit": 0.8, "more": 1}}, {"facts": {"slack": "x"}}, {"facts": [0.8]}, {7: 1}],
)  # fmt: skip
def test_what_is_no_mark_is_refused(raw: object) -> None:
    with pytest.raises(ChatappError) as refused:
        parse_marks(raw)
    assert refused.value.code == "invalid"


def test_a_report_survives_its_storage() -> None:
    one = Judged("facts", 0.8, 0.8, 0.05, 0.9, passed=True)
    assert Judged.from_dict(one.as_dict()) == one
