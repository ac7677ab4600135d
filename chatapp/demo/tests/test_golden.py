"""The golden questions are fair, and the benchmark judges answers as it says."""

import json
from typing import Any

import pytest

from benchmarks.golden import QUESTIONS, WIDER, contains_fact, is_declined, judge, load_questions, summarise
from chatapp.demo.sources import load_sources

GOLDEN = json.loads(QUESTIONS.read_text(encoding="utf-8"))
SOURCES = {source.file_name: source for source in load_sources()}
NOTHING = {"question": "What is the CEO's salary?"}


def test_there_are_twenty_answerable_and_ten_unanswerable_questions() -> None:
    questions = [item["question"] for item in GOLDEN["answerable"]] + GOLDEN["unanswerable"]
    assert (len(GOLDEN["answerable"]), len(GOLDEN["unanswerable"])) == (20, 10)
    assert len(set(questions)) == 30


def test_the_wider_set_asks_other_questions_and_its_documents_hold_the_facts() -> None:
    asked = load_questions(WIDER, limit=None)
    golden = {item["question"] for item in load_questions(limit=None)}
    assert len({item["question"] for item in asked} - golden) == len(asked) == 97
    for item in (item for item in asked if "document" in item):
        assert contains_fact(SOURCES[item["document"]].body, item["facts"]), item["question"]


def test_every_format_and_both_collections_are_asked_about() -> None:
    asked = [SOURCES[item["document"]] for item in GOLDEN["answerable"]]
    assert {source.format for source in asked} == {"md", "txt", "pdf", "docx"}
    assert {source.collection for source in asked} == {"handbook", "engineering-notes"}


@pytest.mark.parametrize("item", GOLDEN["answerable"], ids=lambda item: item["document"])
def test_the_passage_is_in_one_document_and_holds_the_fact(item: dict[str, Any]) -> None:
    assert SOURCES[item["document"]].collection == item["collection"]
    assert [name for name, source in SOURCES.items() if item["passage"] in source.body] == [item["document"]]
    assert contains_fact(item["passage"], item["facts"])
    assert not contains_fact(item["question"], item["facts"])


@pytest.mark.parametrize(
    "answer",
    [
        "That is not in the documents I can see.",
        "I couldn't find this in the handbook.",
        "I cannot answer that from the passages.",
        "The documents do not mention a gym.",
        "There is no information about the salary of the CEO.",
        "The passages don\u2019t say.",
        "The price is not explicitly stated.",
        "The documents do not directly give a discount for universities.",
    ],
)
def test_a_refusal_without_citations_counts_as_declined(answer: str) -> None:
    assert is_declined(answer, [])
    assert not is_declined(answer, ["pension.docx"])


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Her salary is £120,000.",
        "Dogs are not allowed in the building.",
        "Yes, you may bring your dog on Fridays.",
        "You get no discount.",
    ],
)
def test_an_invention_does_not_count_as_declined(answer: str) -> None:
    assert not is_declined(answer, [])


def test_an_answer_is_judged_by_its_sources_and_facts() -> None:
    item = GOLDEN["answerable"][0]
    right = judge(item, answer="You get 28 days.", cited=["paid-leave.md"], seconds=1)
    wrong = judge(item, answer="You get 280 days.", cited=["pension.docx"], seconds=1)
    assert (right.source_hit, right.fact_found) == (True, True)
    assert (wrong.source_hit, wrong.fact_found) == (False, False)


def test_the_bars_decide() -> None:
    item = GOLDEN["answerable"][0]
    good = [
        judge(item, answer="28 days", cited=["paid-leave.md"], seconds=1),
        judge(NOTHING, answer="That is not in the documents I can see.", cited=[], seconds=1),
    ]
    bad = [*good, judge(NOTHING, answer="A million.", cited=[], seconds=1)]
    assert summarise(good, model="m")["holds"]
    summary = summarise(bad, model="m")
    assert not summary["holds"]
    assert summary["scores"]["declined"] == {"passed": 1, "of": 2, "bar": 0.8, "holds": False}


def test_a_limit_keeps_questions_of_both_kinds() -> None:
    assert ["document" in item for item in load_questions(limit=2)] == [True, True, False, False]
