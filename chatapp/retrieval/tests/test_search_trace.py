"""What a search tells of itself: the two lists, the fused one, and why each candidate was given or not."""

import json
from typing import Any

import pytest

from chatapp.retrieval.models import Collection
from chatapp.retrieval.search import explain_search, find, find_passages
from chatapp.retrieval.search.passages import Candidate
from chatapp.retrieval.tests.conftest import People
from chatapp.retrieval.tests.test_search import fill


@pytest.fixture
def words_are_relevant(monkeypatch: pytest.MonkeyPatch) -> None:
    def relevant(found: Candidate) -> bool:
        return bool(found.shared)

    monkeypatch.setattr(find, "is_relevant", relevant)
    monkeypatch.setattr(find, "embed_query", lambda text, *, scope, model: [1.0] * 384)


def test_each_candidate_is_explained(people: People, notes: Collection, words_are_relevant: None) -> None:
    fill(people, notes, count=5, seed=1)
    fill(people, notes, count=3, seed=2)  # word0 to word2 once more
    asked: dict[str, Any] = {"user": people.bob, "query": "word1 word4", "collections": None}
    trace = explain_search(**asked, k=1)
    shown = json.loads(json.dumps(trace.as_dict()))
    fates = {row["text"]: row["fate"] for row in shown["passages"].values() if row["fate"] != "duplicate"}
    assert fates == {"word4": "given", "word1": "surplus"} | dict.fromkeys(("word0", "word2", "word3"), "below_floor")
    twins = {row["text"] for row in shown["passages"].values() if row["fate"] == "duplicate"}
    assert twins == {"word1"}
    assert shown["removed"] == {"below_floor": 5, "duplicate": 1}
    assert len(shown["near"]) == shown["readable"] == 8
    assert len(shown["words"]) == 3
    assert set(shown["near"]) | set(shown["words"]) == set(shown["fused"])
    scores = [shown["passages"][chunk]["score"] for chunk in shown["fused"]]
    assert scores == sorted(scores, reverse=True)
    assert set(shown["milliseconds"]) == {"plan", "embed", "search"}
    assert trace.passages == find_passages(**asked, k=1)


def test_words_rank_by_rarity_frequency_and_length(people: People, notes: Collection, words_are_relevant: None) -> None:
    filler = " ".join(f"filler{n}" for n in range(3))
    texts = ["badge"] * 6 + [f"manometer {filler}", "manometer", "manometer manometer"]
    fill(people, notes, texts=texts)
    trace = explain_search(user=people.bob, query="the badge and a manometer", collections=None, k=5).as_dict()
    order = [trace["passages"][chunk]["text"] for chunk in trace["words"]]
    assert order[:3] == ["manometer manometer", "manometer", f"manometer {filler}"]
    assert set(order[3:]) == {"badge"}
    assert [term["lexeme"] for term in trace["terms"]] == ["manomet", "badg"]
