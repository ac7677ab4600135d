"""Hybrid search: a plan, one SQL statement that fuses vectors and words with the rights inside, then what is given."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from django.db import connection, transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.retrieval.embedding import embed_query
from chatapp.retrieval.models import EmbeddingIndex
from chatapp.retrieval.search.duplicates import drop_duplicates
from chatapp.retrieval.search.passages import Candidate, Passage, is_relevant
from chatapp.retrieval.search.rerank import RERANKED, get_reranker
from chatapp.retrieval.search.sql import (
    EXACT_SETTINGS,
    INDEXED_SETTINGS,
    PLAN,
    SETTINGS,
    WITHHELD,
    build_search,
)
from chatapp.retrieval.search.terms import MAX_RANKED, pick_passages, quote, weigh_terms
from chatapp.retrieval.search.trace import Fate, Judged, SearchTrace
from chatapp.retrieval.selectors import get_serving_index

# Up to this many readable passages an exact scan is about as fast as the index, and finds every neighbour.
EXACT_SCAN_LIMIT = 8_000
# From each of the two lists.
CANDIDATES = 40
MAX_RESULTS = 50
MAX_QUERY_CHARACTERS = 2_000
# How much the cosine counts beside BM25, both between 0 and 1 among the candidates. On all collections tried this is
# better than either alone; fusion by reciprocal rank is not (docs/retrieval.md).
NEAR_SHARE = 0.6
# Term frequency saturates at K1; B is how much a passage's length counts (Robertson and Zaragoza 2009, 3.4).
K1, B = 1.2, 0.75

_SIMILARITY = [field.name for field in fields(Passage)].index("similarity")


@dataclass(frozen=True, slots=True)
class _Reader:
    user: User
    slugs: list[str] | None

    def parameters(self) -> dict[str, Any]:
        return {"user": self.user.pk, "slugs": self.slugs}


def find_passages(
    *,
    user: User,
    query: str,
    collections: Sequence[str] | None,
    k: int,
    index: EmbeddingIndex | None = None,
    observe: Callable[[SearchTrace], None] | None = None,
) -> list[Passage]:
    """The best `k` passages that the user may read now, best first; [] when nothing readable is about the query.

    `collections` are slugs, None means all; a slug that the user may not see finds nothing. Runs in workers
    only, on `index` or else the one that serves. `observe` is told what the search saw. Raises EmbeddingError.
    """
    trace = _search(user=user, query=query, collections=collections, k=k, index=index, returned=CANDIDATES)
    if observe is not None:
        observe(trace)
    return trace.passages


def explain_search(
    *, user: User, query: str, collections: Sequence[str] | None, k: int, index: EmbeddingIndex | None = None
) -> SearchTrace:
    """The same search with all that it saw on the way. Raises EmbeddingError."""
    trace = _search(user=user, query=query, collections=collections, k=k, index=index, returned=2 * CANDIDATES)
    if can(user, "retrieval.debug_search"):
        trace.withheld = count_withheld(user)
    return trace


def count_withheld(user: User) -> int:
    """Passages of all collections that the user may not read now. The caller has asked whether its reader may know."""
    with connection.cursor() as cursor:
        cursor.execute(WITHHELD, _Reader(user, None).parameters())
        return int(cursor.fetchone()[0])


def _search(
    *,
    user: User,
    query: str,
    collections: Sequence[str] | None,
    k: int,
    index: EmbeddingIndex | None,
    returned: int,
) -> SearchTrace:
    trace = SearchTrace(" ".join(query.replace("\x00", " ").split())[:MAX_QUERY_CHARACTERS])
    index = index or get_serving_index()
    if not trace.query or k < 1 or collections == [] or index is None:
        return trace
    trace.model = index.model
    reader = _Reader(user, None if collections is None else [slug for slug in collections if "\x00" not in slug])
    with trace.timed("plan"):
        asked, length = _plan(trace, reader)
    if not trace.readable:
        return trace  # Nothing to compare with: making the vector is the dearest part of a search.
    with trace.timed("embed"):
        vector = embed_query(trace.query, scope=str(user.pk), model=index.model)
    parameters = {
        **reader.parameters(),
        **_word_parameters(trace, length),
        "vector": f"[{','.join(f'{value:.5g}' for value in vector)}]",
        "candidates": CANDIDATES,
        "near_share": NEAR_SHARE,
        "returned": max(returned, min(k, MAX_RESULTS)),
    }
    with trace.timed("search"):
        rows = _run(trace, index, parameters)
    _judge(trace, [_candidate(row, trace, asked, index) for row in rows], min(k, MAX_RESULTS))
    return trace


def _plan(trace: SearchTrace, reader: _Reader) -> tuple[int, int]:
    """How many words the query has, and how many all readable passages have; the rest goes into the trace."""
    with connection.cursor() as cursor:
        cursor.execute(PLAN, {**reader.parameters(), "query": trace.query})
        rows = cursor.fetchall()
    trace.readable, length = rows[0][:2]
    frequencies = [(word, passages) for _, _, word, passages in rows if word is not None]
    trace.terms = weigh_terms(frequencies, readable=trace.readable)
    trace.picked = pick_passages(trace.terms, readable=trace.readable)
    return len(frequencies), length


def _word_parameters(trace: SearchTrace, length: int) -> dict[str, Any]:
    average = max(length / trace.readable, 1.0)
    words: dict[str, Any] = {"picked": trace.picked, "ranked": MAX_RANKED}
    words |= {"base": K1 * (1 - B), "slope": K1 * B / average}
    for place, term in enumerate(trace.terms):
        words |= {f"idf{place}": term.idf, f"term{place}": quote(term.lexeme)}
    return words


def _run(trace: SearchTrace, index: EmbeddingIndex, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    rows = list[tuple[Any, ...]]()
    trace.exact = trace.readable <= EXACT_SCAN_LIMIT
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{SETTINGS}; {EXACT_SETTINGS if trace.exact else INDEXED_SETTINGS}")
        cursor.execute(build_search(index, terms=trace.terms, picked=trace.picked, exact=trace.exact), parameters)
        rows = list(cursor.fetchall())
        near = rows[0][-1] if rows else 0
        # A scan of the index also ends when it has met too many rows that may not be read, or that are dead.
        if not trace.exact and near < min(CANDIDATES, trace.readable):
            trace.exact = True
            cursor.execute(EXACT_SETTINGS)
            cursor.execute(build_search(index, terms=trace.terms, picked=trace.picked, exact=True), parameters)
            rows = list(cursor.fetchall())
    return rows


def _candidate(row: tuple[Any, ...], trace: SearchTrace, asked: int, index: EmbeddingIndex) -> Candidate:
    *columns, near_rank, word_rank, weight, held, _ = row
    columns[_SIMILARITY] = index.offset + index.factor * columns[_SIMILARITY]
    shared = frozenset(term.lexeme for term, stands in zip(trace.terms, held, strict=True) if stands)
    return Candidate(Passage(*columns), shared, asked, near_rank, word_rank, weight)


def _judge(trace: SearchTrace, candidates: Sequence[Candidate], k: int) -> None:
    """What counts as found, without repetitions, in the reranker's order where there is one; at most `k` are given."""
    relevant = [candidate for candidate in candidates if is_relevant(candidate)]
    fates = {found.passage.chunk_id: twin for found, twin in drop_duplicates(relevant)}
    best = list[Judged]()
    for candidate in candidates:
        chunk = candidate.passage.chunk_id
        twin = fates.get(chunk)
        judged = Judged(candidate, Fate.DUPLICATE if twin else Fate.BELOW_FLOOR, twin)
        if chunk in fates and twin is None:
            judged.fate = Fate.SURPLUS
            best.append(judged)
        trace.judged.append(judged)
    trace.given = _rerank(trace, best)[:k]
    for judged in trace.given:
        judged.fate = Fate.GIVEN


def _rerank(trace: SearchTrace, best: list[Judged]) -> list[Judged]:
    """The first ones in the reranker's order; those behind them, and all without a reranker, as they are."""
    reranker = get_reranker()
    if reranker is None or not best:
        return best
    texts = [f"{found.candidate.passage.heading}\n{found.candidate.passage.text}" for found in best[:RERANKED]]
    with trace.timed("rerank"):
        scores = reranker.score(trace.query, texts)
    for judged, score in zip(best, scores, strict=False):
        judged.rerank = score
    trace.reranked = bool(scores)
    first, rest = best[: len(scores)], best[len(scores) :]
    return sorted(first, key=lambda judged: -(judged.rerank or 0.0)) + rest
