"""nDCG@10 of search on a test collection: by words alone, by vectors alone, fused, and reranked where that is set."""

import hashlib
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.retrieval.beir import TestCollection, ndcg, read_collection
from benchmarks.retrieval.database import add_passages, make_collection, make_reader

if TYPE_CHECKING:
    from chatapp.retrieval.search import SearchTrace

K = 10


def measure_quality(folder: Path, *, cache: Path) -> dict[str, Any]:
    from django.conf import settings

    from chatapp.retrieval.selectors import get_serving_index

    collection = read_collection(folder)
    index = get_serving_index()
    if index is None:
        raise RuntimeError("No index serves.")
    reader = make_reader(f"reader of {collection.name}")
    shelf = make_collection(collection.name.lower()[:64], readers=[reader])
    vectors = _vectors(collection, model=index.model, cache=cache)
    chunks = add_passages(shelf, texts=collection.texts, vectors=vectors, index=index)
    names = dict(zip(map(str, chunks), collection.documents, strict=True))

    def rank(query: str) -> dict[str, list[str]]:
        return {kind: [names[chunk] for chunk in found] for kind, found in _rankings(reader, query).items()}

    ways = ["words", "vectors", "hybrid", "reciprocal_rank", *(["rerank"] if settings.RERANKER_PATH else [])]
    scores = _scores(collection, rank, ways)
    return {"documents": len(collection.documents), "queries": len(collection.queries), **scores} | _verdict(scores)


def _scores(
    collection: TestCollection, rank: Callable[[str], dict[str, list[str]]], ways: list[str]
) -> dict[str, float]:
    by_way = dict[str, list[float]]()
    for key, query in collection.queries.items():
        rankings = rank(query)
        for way in ways:
            by_way.setdefault(way, []).append(ndcg(rankings[way], collection.relevant[key], k=K))
    return {way: round(statistics.mean(values), 4) for way, values in by_way.items()}


def _verdict(scores: dict[str, float]) -> dict[str, bool]:
    holds = scores["hybrid"] >= max(scores["words"], scores["vectors"])
    return {"holds": holds and scores.get("rerank", 1.0) >= scores["hybrid"]}


def _rankings(reader: Any, query: str) -> dict[str, list[str]]:
    """All ways in one search, without the relevance floor: a test collection asks for an order, not for honesty."""
    from chatapp.retrieval.search import explain_search, find

    vars(find)["is_relevant"] = lambda _: True
    trace: SearchTrace = explain_search(user=reader, query=query, collections=None, k=2 * find.CANDIDATES)
    shown = trace.as_dict()
    return {
        "words": shown["words"],
        "vectors": shown["near"],
        "hybrid": shown["fused"],
        "reciprocal_rank": _by_reciprocal_rank(shown),
        "rerank": shown["given"],
    }


def _by_reciprocal_rank(shown: dict[str, Any]) -> list[str]:
    """The other way to fuse (Cormack, Clarke and Büttcher 2009), for comparison."""

    def score(chunk: str) -> float:
        ranks = (shown["passages"][chunk][rank] for rank in ("near_rank", "word_rank"))
        return sum((1 / (60 + rank) for rank in ranks if rank is not None), start=0.0)

    return sorted(shown["fused"], key=score, reverse=True)


def _vectors(collection: TestCollection, *, model: str, cache: Path) -> "np.ndarray[Any, Any]":
    """Made once for a model and texts, and kept in `cache`: on two cores they take minutes."""
    from chatapp.retrieval.embedding import embed_texts

    texts = [f"{each.heading}\n{each.text}" for each in collection.texts]
    digest = hashlib.sha256("\0".join([model, *texts]).encode()).hexdigest()[:16]
    path = cache / f"{collection.name}-{digest}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(path, np.asarray(embed_texts(texts, model=model), dtype=np.float32))
    return np.asarray(np.load(path))
