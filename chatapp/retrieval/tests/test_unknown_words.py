"""Which words of a question stand in no document that its asker may read."""

from collections.abc import Sequence
from typing import Any

import pytest

from chatapp.accounts.models import User
from chatapp.retrieval import services
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS
from chatapp.retrieval.models import Collection
from chatapp.retrieval.search import find_unknown_words
from chatapp.retrieval.services import processing
from chatapp.retrieval.tests.conftest import People, Upload

GUIDE = b"# Canteen\n\nThe canteen in Leeds serves food until 14:30. Companies may book tables."


@pytest.fixture
def guide(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processing, "embed_texts", lambda texts, **_: [[1.0] * EMBEDDING_DIMENSIONS] * len(texts))
    upload("canteen.md", GUIDE)


def unknown(user: User, question: str, collections: Sequence[str] | None = None) -> list[str]:
    return find_unknown_words(user=user, question=question, collections=collections)


@pytest.mark.parametrize(
    "question,words",
    [
        ("Which Dishes does the canteen in Leeds serve?", ["Dishes"]),
        ("How many tables may a company book in the canteen, and for how long?", []),
        ("Do 250 people book tables in Leeds until 16:00?", ["people"]),
        ("May companies book lunch-time tables in Leeds?", ["lunch"]),
        ("Wie lange ist die Kantine in Leeds offen?", []),
        ("canteen " + "word " * 200, []),
        ("Does the canteen in Leeds serve pizza, soup, fish or steak?", []),
        ("", []),
        ("\x00' & | !( <-> :*\\", []),
    ],
)
def test_words_that_stand_nowhere_are_told_as_they_are_written(
    people: People, guide: None, question: str, words: list[str]
) -> None:
    assert unknown(people.bob, question) == words


def test_a16_what_others_write_is_as_unknown_as_what_nobody_writes(people: People, guide: None, upload: Upload) -> None:
    plans: Collection = services.create_collection(
        user=people.ada, slug="plans", name="Plans", groups={"engineering": "editor"}
    )
    upload("gym.md", b"# Gym\n\nA gym is planned.", collection=plans)
    question = "Does the canteen in Leeds book a gym?"
    assert unknown(people.alice, question) == []
    assert unknown(people.bob, question) == unknown(people.alice, question, ["notes"]) == ["gym"]
    assert unknown(people.mallory, question) == unknown(people.alice, question, []) == []
    assert unknown(people.bob, question, ["plans"]) == unknown(people.bob, question, ["no\x00tes"]) == []


def test_one_statement_asks(people: People, guide: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        unknown(people.bob, "Which dishes does the canteen in Leeds serve?")
