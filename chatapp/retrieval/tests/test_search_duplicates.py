"""Which passages repeat another one, and which only look like it."""

from uuid import uuid4

import pytest

from chatapp.retrieval.search.duplicates import drop_duplicates
from chatapp.retrieval.search.passages import Candidate, Passage

RULE = (
    "Every full-time employee receives 28 days of paid holiday per calendar year, and up to five of them may be taken "
    "in the first quarter of the year that follows, if your manager agrees in writing before the end of December."
)


def found(text: str, *, heading: str = "Holiday", similarity: float = 0.7) -> Candidate:
    passage = Passage(uuid4(), uuid4(), uuid4(), "a.md", "notes", None, heading, text, 1.0, similarity)
    return Candidate(passage, frozenset(), 1)


def kept(*candidates: Candidate) -> list[Candidate]:
    return [candidate for candidate, twin in drop_duplicates(candidates) if twin is None]


@pytest.mark.parametrize(
    "other",
    [
        found(RULE),
        found(RULE.upper().replace(", ", " - ")),
        found(RULE.replace("in writing", "by letter")),
        found(RULE, heading="Paid holiday"),
    ],
    ids=["same", "typography", "two words", "heading"],
)
def test_what_says_the_same_is_given_once(other: Candidate) -> None:
    best = found(RULE)
    assert kept(best, other) == [best]
    assert [twin for _, twin in drop_duplicates([best, other])] == [None, best.passage]


@pytest.mark.parametrize(
    "other",
    [
        found(RULE.replace("28", "25")),
        found(RULE.replace("may be", "may not be")),
        found(RULE.replace("if your", "unless your")),
        found(RULE.replace("in writing", "by letter"), similarity=0.5),
    ],
    ids=["figure", "not", "unless", "farther"],
)
def test_what_says_something_else_in_nearly_the_same_words_stays(other: Candidate) -> None:
    assert len(kept(found(RULE), other)) == 2


def test_a_short_line_means_another_thing_under_another_heading() -> None:
    assert len(kept(found("Ask your manager.", heading="Sick leave"), found("Ask your manager."))) == 2
