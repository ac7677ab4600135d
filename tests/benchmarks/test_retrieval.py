"""The benchmark of search: its measure, the layout it reads, and which bars it calls broken."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.retrieval.beir import ndcg, read_collection
from benchmarks.retrieval.synthetic import World
from benchmarks.retrieval.table import broken_bars, growth, lines


@pytest.mark.parametrize(
    "ranked,expected",
    [
        (["a", "b", "c"], 1.0),
        (["x", "a"], (2 / math.log2(3)) / (2 + 1 / math.log2(3) + 1 / 2)),
        (["x"] * 10 + ["a", "b", "c"], 0.0),
        ([], 0.0),
    ],
)
def test_ndcg_discounts_by_place(ranked: list[str], expected: float) -> None:
    assert ndcg(ranked, {"a": 2, "b": 1, "c": 1}) == pytest.approx(expected)


def test_the_layout_of_beir_is_read(tmp_path: Path) -> None:
    corpus = [{"_id": "d1", "title": "One", "text": "first"}, {"_id": "d2", "text": "second"}]
    queries = [{"_id": "q1", "text": "what?"}, {"_id": "q2", "text": "unjudged"}]
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)))
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    judged = ["query-id\tcorpus-id\tscore", "q1\td2\t2", "q1\td1\t0", "q1\tgone\t1"]
    (tmp_path / "qrels" / "test.tsv").write_text("\n".join(judged))
    found = read_collection(tmp_path)
    assert found.documents == ["d1", "d2"]
    assert found.queries == {"q1": "what?"}
    assert found.relevant == {"q1": {"d2": 2}}
    assert (found.texts[0].heading, found.texts[1].heading) == ("One", "")


def test_synthetic_passages_are_the_same_again_in_clusters_with_common_words() -> None:
    (texts, vectors), (again, _) = (World(passages=400, seed=1).passages(400) for _ in range(2))
    assert texts == again
    similarity = vectors @ vectors.T
    assert np.allclose(np.diag(similarity), 1)
    assert set(np.round(similarity, 1).ravel().tolist()) >= {0.0, 0.7}
    commonest = sum("bak" in text.text.split() for text in texts) / len(texts)
    assert 0.2 < commonest < 0.7


def scale(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "readable": 1,
        "exact": False,
        "recall": 0.99,
        "search": {"p50": 1, "p95": 3.0},
        "ratio": 2.0,
    }
    found |= {"bare": {"p50": 1, "p95": 2.0}}
    return {"all": found | changed, "tenth": found, "hundredth": found}


def test_bars_that_do_not_hold_are_named() -> None:
    quality = {"good": {"holds": True}, "bad": {"holds": False}}
    results = {"quality": quality, "scale": {"100": scale(), "1000": scale(recall=0.9, ratio=4.0)}}
    assert [line.split(":")[0] for line in broken_bars(results)] == ["bad", "1000, all", "1000"]
    assert not list(broken_bars({"quality": {}, "scale": {"100": scale(), "1000": scale()}}))
    slower = {"100": scale(), "1000": scale(search={"p50": 1, "p95": 9.0})}
    assert growth(slower) == 3.0
    assert list(broken_bars({"scale": slower})) == ["p95 grows 3.0 times"]
    assert sum(line.startswith("| 1,000 |") for line in lines({"scale": slower})) == 3
