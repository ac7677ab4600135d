"""A test collection in the layout of BEIR: corpus.jsonl, queries.jsonl, qrels/test.tsv (Thakur and others 2021)."""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.retrieval.database import Text


@dataclass(frozen=True, slots=True)
class TestCollection:
    """`relevant` is, for each query that has a judged document in the corpus, the gain of each such document."""

    name: str
    documents: list[str]
    texts: list[Text]
    queries: dict[str, str]
    relevant: dict[str, dict[str, int]]


def read_collection(folder: Path) -> TestCollection:
    """Raises OSError, ValueError or KeyError for a folder in another layout."""
    corpus = list(_lines(folder / "corpus.jsonl"))
    documents = [line["_id"] for line in corpus]
    known, queries = set(documents), {line["_id"]: line["text"] for line in _lines(folder / "queries.jsonl")}
    relevant = dict[str, dict[str, int]]()
    with (folder / "qrels" / "test.tsv").open(encoding="utf-8", newline="") as file:
        for query, document, score in csv.reader(file, delimiter="\t"):
            if score.isdigit() and int(score) > 0 and query in queries and document in known:  # not the header
                relevant.setdefault(query, {})[document] = int(score)
    texts = [Text(heading=line.get("title", "")[:300], text=line["text"]) for line in corpus]
    return TestCollection(folder.name, documents, texts, {key: queries[key] for key in relevant}, relevant)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def ndcg(ranked: Sequence[str], gains: Mapping[str, int], *, k: int = 10) -> float:
    """Normalised discounted cumulative gain with linear gains, as trec_eval has it (Järvelin and Kekäläinen 2002)."""
    best = sorted(gains.values(), reverse=True)[:k]
    return _discounted([gains.get(document, 0) for document in ranked[:k]]) / _discounted(best)


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(place + 2) for place, gain in enumerate(gains))
