"""The demo company's golden questions are fair: each quote stands in one document, and no question gives it away."""

import re

import pytest

from benchmarks.golden import load_questions
from chatapp.demo.questions import QUESTIONS, Golden
from chatapp.demo.sources import load_sources

SOURCES = {source.slug: source for source in load_sources()}


def plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


@pytest.mark.parametrize("golden", [golden for golden in QUESTIONS if golden.source], ids=lambda golden: golden.source)
def test_the_quote_stands_in_its_document_only(golden: Golden) -> None:
    holders = [slug for slug, source in SOURCES.items() if plain(golden.quote) in plain(source.body)]
    assert holders == [golden.source]
    assert SOURCES[golden.source].collection == golden.collection
    assert plain(golden.quote) not in plain(golden.question)


def test_some_have_no_answer_and_none_is_of_the_benchmark() -> None:
    assert sum(not golden.source for golden in QUESTIONS) == 2
    assert not {golden.question for golden in QUESTIONS} & {item["question"] for item in load_questions(limit=None)}
