"""Which sentences get a number: the model's own markers, and attribution by meaning, words and figures."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp.retrieval import citations
from chatapp.retrieval.search import Passage
from chatapp.retrieval.sentences import find_sentences
from chatapp.retrieval.tests.citing import cite_sentences


def passage(text: str, heading: str = "") -> Passage:
    return Passage(uuid4(), uuid4(), uuid4(), "doc.md", "handbook", None, heading, text, 0.03, 0.6)


LEAVE = passage(
    "Every full-time employee receives 28 days of paid holiday per calendar year. Part-time employees receive holiday "
    "in proportion to their hours. Up to five days may be carried over until the end of March.",
    heading="Paid leave",
)
PRICES = passage(
    "| Code | Name | Price |\n| --- | --- | --- |\n| C8 | Cairn C8 portable calibrator | £3,950 |\n"
    "| C8-HP | High-pressure module for the Cairn C8 | £1,240 |",
    heading="Price list",
)
PENSION = passage(
    "The company contributes 8 percent of your gross monthly salary to the pension scheme. You contribute 4 percent, "
    "which is deducted before tax.",
    heading="Pension",
)
GIVEN = [LEAVE, PRICES, PENSION]


@pytest.mark.model
@pytest.mark.parametrize(
    "sentence,number",
    [
        ("You get 28 days of paid holiday per year.", 1),
        ("Part-time staff receive holiday in proportion to their hours.", 1),
        ("You can carry over up to five days until the end of March.", 1),
        ("28 days", 1),
        ("The Cairn C8 portable calibrator costs £3,950.", 2),
        ("The high-pressure module for the Cairn C8 costs 1240 pounds.", 2),
        ("The company contributes eight percent of your monthly salary to the pension scheme.", 3),
        ("Your own contribution of 4 percent is deducted before tax.", 3),
    ],
)
def test_a_sentence_that_rests_on_a_passage_gets_its_number(sentence: str, number: int) -> None:
    cited = cite_sentences(sentence, GIVEN)
    assert cited.text == f"{sentence} [{number}]"
    assert cited.cited == {number}


@pytest.mark.model
@pytest.mark.parametrize(
    "sentence",
    [
        "I hope this helps.",
        "Let me know if you have any other questions.",
        "Sure, I can help you with that!",
        "Holidays are important for your health and well-being.",
        "In general, companies offer paid holiday so that employees can rest.",
        "You are entitled to 35 days of holiday.",
        "A pension is money that you receive after you retire.",
        "The Cairn C8 portable calibrator costs £4,100.",
        "The documents do not mention how holiday is carried over.",
        "I could not find the price of the Cairn C8 in the documents.",
        "Would you like to know how many days of paid holiday you get?",
        "Here is what the price list says about the Cairn C8 portable calibrator:",
        "Python is a programming language that is popular for data analysis.",
        "# Paid holiday per calendar year",
    ],
)
def test_general_talk_and_wrong_figures_get_none(sentence: str) -> None:
    cited = cite_sentences(sentence, GIVEN)
    assert cited.text == sentence
    assert cited.cited == frozenset()


@pytest.mark.model
def test_lists_tables_and_code_survive() -> None:
    answer = (
        "Your benefits:\n\n- You get **28 days** of paid holiday per year.\n"
        "1. You contribute 4 percent, deducted before tax.\n\n"
        "| Name | Price |\n|---|---|\n| Cairn C8 portable calibrator | £3,950 |\n\n"
        "```python\n# You get 28 days of paid holiday per year. [9]\nprint(days[1])\n```\n\nBye."
    )
    cited = cite_sentences(answer, GIVEN)
    assert cited.text == (
        "Your benefits:\n\n- You get **28 days** of paid holiday per year. [1]\n"
        "1. You contribute 4 percent, deducted before tax. [3]\n\n"
        "| Name | Price |\n|---|---|\n| Cairn C8 portable calibrator | £3,950 [2] |\n\n"
        "```python\n# You get 28 days of paid holiday per year. [9]\nprint(days[1])\n```\n\nBye."
    )
    assert cited.cited == {1, 2, 3}


@pytest.mark.parametrize(
    "answer,text,cited",
    [
        ("You get 28 days [1].", "You get 28 days [1].", {1}),
        ("You get 28 days. [1]", "You get 28 days. [1]", {1}),
        ("You get 28 days [7].", "You get 28 days.", set()),
        ("You get 28 days [0].", "You get 28 days.", set()),
        ("You get 28 days [1, 3].", "You get 28 days [1][3].", {1, 3}),
        ("You get 28 days [1][9][2].", "You get 28 days [1][2].", {1, 2}),
        ("Use `row[1]` and `row[9]`, always?", "Use `row[1]` and `row[9]`, always?", set()),
        ("See [1](https://example.org)?", "See [1](https://example.org)?", set()),
        ("```\nx[1]\n", "```\nx[1]\n", set()),
        ("", "", set()),
    ],
)
def test_own_markers_are_checked(monkeypatch: pytest.MonkeyPatch, answer: str, text: str, cited: set[int]) -> None:
    monkeypatch.setattr(citations, "find_source", lambda *_: None)
    result = cite_sentences(answer, GIVEN)
    assert (result.text, set(result.cited)) == (text, cited)


def test_without_passages_no_number_stays() -> None:
    assert cite_sentences("You get 28 days [1]. Fine.", []).text == "You get 28 days. Fine."


@pytest.mark.parametrize(
    "text,sentences",
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Ask Dr. Smith, e.g. Mondays at 5 p.m. or so.", ["Ask Dr. Smith, e.g. Mondays at 5 p.m. or so."]),
        ("It costs £3.50 per day. [1] Next one.", ["It costs £3.50 per day. [1]", "Next one."]),
        ("- item one\n* item two\n3. item three", ["item one", "item two", "item three"]),
        ("> quoted words.", ["quoted words."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("Run `a. B` now. Done.", ["Run `a. B` now.", "Done."]),
        ("~~~\ncode. Here.\n~~~\nText.", ["Text."]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert [found.text for found in find_sentences(text)] == sentences


@given(st.text(alphabet="ab.!? `~[]1|-#>*\n", max_size=120))
def test_positions_are_true_for_any_text(text: str) -> None:
    found = find_sentences(text)
    assert all(0 <= sentence.start < sentence.end <= len(text) for sentence in found)
    assert [sentence.end for sentence in found] == sorted({sentence.end for sentence in found})


@pytest.mark.model
@pytest.mark.parametrize(
    "answer,text",
    [
        ("You get 28 days of paid holiday per year. [1]", "You get 28 days of paid holiday per year. [1]"),
        ("The Cairn C8 costs £3,950 [1].", "The Cairn C8 costs £3,950 [2]."),
        ("£3,950 [1]", "£3,950 [2]"),
        ("The Cairn C8 costs £9,999 [1].", "The Cairn C8 costs £9,999 [1]."),
    ],
)
def test_a_marker_stays_or_moves_to_the_passage_that_has_the_figures(answer: str, text: str) -> None:
    assert cite_sentences(answer, GIVEN).text == text


@pytest.mark.model
def test_a_figure_of_the_question_needs_no_source() -> None:
    limits = passage("Orders up to £50,000 are approved by the division director.", heading="Procurement limits")
    answer = "The division director approves an order of £30,000."
    assert not cite_sentences(answer, [limits, PENSION]).cited
    question = "Who approves an order of £30,000?"
    assert cite_sentences(answer, [limits, PENSION], question=question).cited == {1}
