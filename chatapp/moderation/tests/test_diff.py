"""Two lists of checks, compared."""

from typing import Any

from chatapp.moderation.lifecycle.diff import CheckChange, FieldChange, diff_checks, diff_text

WORDS: dict[str, Any] = {"kind": "pattern", "stage": "output", "action": "block", "words": ["moonshot", "falcon"]}
CARDS: dict[str, Any] = {"kind": "pii", "name": "cards", "stage": "input", "action": "mask", "entities": ["card"]}


def test_what_came_went_and_changed() -> None:
    changed = {**WORDS, "words": ["falcon", "heron"], "action": "flag", "severity": "high"}
    output = {**CARDS, "stage": "output"}
    assert diff_checks([WORDS, CARDS], [output, changed]) == [
        CheckChange("added", "cards", "output"),
        CheckChange(
            "changed",
            "pattern",
            "output",
            (
                FieldChange("action", "block", "flag"),
                FieldChange("words", None, None, added=("heron",), removed=("moonshot",)),
                FieldChange("severity", None, "high"),
            ),
        ),
        CheckChange("removed", "cards", "input"),
    ]


def test_namesakes_are_matched_in_their_order() -> None:
    second = {**WORDS, "words": ["heron"]}
    kinds = [change.kind for change in diff_checks([WORDS, second], [WORDS, second, second])]
    assert kinds == ["same", "same", "added"]
    assert [change.kind for change in diff_checks([WORDS, second], [WORDS])] == ["same", "removed"]


def test_an_order_alone_and_a_field_that_went() -> None:
    moved = {**WORDS, "words": WORDS["words"][::-1]}
    (change,) = diff_checks([{**WORDS, "threshold": 0.5}], [moved])
    assert change.fields == (
        FieldChange("words", '["moonshot", "falcon"]', '["falcon", "moonshot"]'),
        FieldChange("threshold", "0.5", None),
    )


def test_the_text_says_the_same() -> None:
    lines = diff_text([WORDS], [{**WORDS, "action": "flag"}], names=("company@1", "company@2"))
    assert lines[:2] == ["--- company@1", "+++ company@2"]
    assert '-    "action": "block",' in lines
    assert '+    "action": "flag",' in lines
    assert diff_text([WORDS], [WORDS], names=("a", "b")) == []
