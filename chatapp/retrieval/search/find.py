"""Hybrid search in one SQL statement: vectors and full text, fused by reciprocal rank, rights inside."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from chatapp.accounts.models import User
from chatapp.retrieval.embedding import embed_query
from chatapp.retrieval.metrics import RETRIEVAL_SECONDS
from chatapp.retrieval.models import EmbeddingIndex
from chatapp.retrieval.search.passages import Candidate, Passage, is_relevant
from chatapp.retrieval.search.sql import EXACT, INDEXED, PLAN, statement_for
from chatapp.retrieval.selectors import get_serving_index

# Below this many readable passages an exact scan is faster than the index and finds every neighbour.
EXACT_SCAN_LIMIT = 8_000
CANDIDATES = 40
MAX_RESULTS = 50
MAX_QUERY_CHARACTERS = 2_000
EF_SEARCH = 200
# Ranking every match of common words costs more than all the rest of a search.
MAX_RANKED = 2_000
RANK_SMOOTHING = 60


def find_passages(
    *, user: User, query: str, collections: Sequence[str] | None, k: int, index: EmbeddingIndex | None = None
) -> list[Passage]:
    """The best `k` passages that the user may read now, best first; [] when nothing readable is about the query.

    `collections` are slugs, None means all; a slug that the user may not see finds nothing. Runs in workers
    only, on `index` or else the one that serves. Raises EmbeddingError.
    """
    query = " ".join(query.replace("\x00", " ").split())[:MAX_QUERY_CHARACTERS]
    if not query or k < 1 or collections == []:
        return []
    slugs = None if collections is None else [slug for slug in collections if "\x00" not in slug]
    reader: dict[str, Any] = {"user": user.pk, "slugs": slugs}
    index = index or get_serving_index()
    readable, lexemes = _plan(reader, query)
    if not readable or index is None:
        return []  # Nothing to compare with: making the vector is the dearest part of a search.
    with RETRIEVAL_SECONDS.labels(stage="embed").time():
        vector = embed_query(query, scope=str(user.pk), model=index.model)
    with RETRIEVAL_SECONDS.labels(stage="search").time(), transaction.atomic(), connection.cursor() as cursor:
        candidates = _candidates(cursor, index=index, reader=reader, lexemes=lexemes, readable=readable, vector=vector)
    return [found.passage for found in candidates if is_relevant(found)][: min(k, MAX_RESULTS)]


def _plan(reader: dict[str, Any], query: str) -> tuple[int, list[str]]:
    """How many passages may be found, and the query's words."""
    with connection.cursor() as cursor:
        cursor.execute(PLAN, {**reader, "query": query})
        readable, lexemes = cursor.fetchone()
    return readable, lexemes


def _candidates(
    cursor: CursorWrapper,
    *,
    index: EmbeddingIndex,
    reader: dict[str, Any],
    lexemes: list[str],
    readable: int,
    vector: list[float],
) -> list[Candidate]:
    parameters = {
        **reader,
        "vector": str(vector),
        "words": any_of(lexemes),
        "lexemes": lexemes,
        "candidates": CANDIDATES,
        "ranked": MAX_RANKED,
        "smoothing": RANK_SMOOTHING,
    }
    found = list[Any]()
    if readable > EXACT_SCAN_LIMIT:
        cursor.execute("SET LOCAL hnsw.iterative_scan = 'relaxed_order'")
        cursor.execute(f"SET LOCAL hnsw.ef_search = {EF_SEARCH:d}")
        cursor.execute(statement_for(INDEXED, index), parameters)
        found = cursor.fetchall()
    # A scan of the index also ends when it has met too many rows that may not be read, or that are dead.
    if len(found) < min(CANDIDATES, readable):
        cursor.execute(statement_for(EXACT, index), parameters)
        found = cursor.fetchall()
    return [Candidate(Passage(*columns), frozenset(shared), len(lexemes)) for *columns, shared in found]


def any_of(lexemes: Sequence[str]) -> str:
    """A tsquery's text; quotes and backslashes are doubled as its syntax wants."""
    quoted = (lexeme.replace("\\", "\\\\").replace("'", "''") for lexeme in lexemes)
    return " | ".join(f"'{lexeme}'" for lexeme in quoted)
