"""Which words of a query pick passages, and what each word is worth."""

from itertools import pairwise

import pytest
from django.db import connection

from chatapp.retrieval.search.terms import MAX_RANKED, MAX_TERMS, pick_passages, weigh_terms

READABLE = 100_000


def picked(**frequencies: int) -> str:
    return pick_passages(weigh_terms(list(frequencies.items()), readable=READABLE), readable=READABLE)


def test_a_rare_word_is_worth_more_and_words_of_no_passage_nothing() -> None:
    terms = weigh_terms([("the", 90_000), ("gauge", 300), ("nowhere", 0), ("bar", 5_000)], readable=READABLE)
    assert [term.lexeme for term in terms] == ["gauge", "bar", "the"]
    assert all(rare.idf > common.idf > 0 for rare, common in pairwise(terms))


def test_only_the_rarest_words_of_a_pasted_page_count() -> None:
    terms = weigh_terms([(f"w{n}", n + 1) for n in range(500)], readable=READABLE)
    assert [term.lexeme for term in terms] == [f"w{n}" for n in range(MAX_TERMS)]


def test_a_common_word_picks_nothing_beside_a_rare_one() -> None:
    assert picked(gauge=MAX_RANKED // 2, company=60_000) == "'gauge'"


def test_common_words_pick_passages_together() -> None:
    assert picked(paid=1_000, leave=2_000, company=60_000) == "'paid' & 'leave'"


def test_of_words_that_are_in_many_passages_as_many_are_needed_as_make_few() -> None:
    assert picked(a=9_000, b=9_500, c=10_000) == "'a' & 'b' & 'c'"


def test_words_that_are_everywhere_pick_nothing() -> None:
    assert picked(a=90_000, b=95_000) == ""


def test_no_words_pick_nothing() -> None:
    assert pick_passages([], readable=READABLE) == ""


@pytest.mark.parametrize("times", [1, 2, 3, 7, 30, 200])
def test_how_often_a_word_stands_in_a_passage_is_read_out_of_its_rank(db: None, times: int) -> None:
    """The formula of `sql._TERM`, which is 1/2 too much without its rounding."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT round(0.6079271::float8 / (1 - ts_rank('{1,1,1,1}', to_tsvector('simple', %s), 'word')) - 0.5)",
            ["word other " * times],
        )
        assert cursor.fetchone() == (times,)
