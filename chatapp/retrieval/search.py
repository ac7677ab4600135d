"""Hybrid search in one SQL statement: vectors and full text, fused by reciprocal rank, rights inside."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from chatapp.accounts.models import User
from chatapp.retrieval.embedding import embed_query
from chatapp.retrieval.metrics import RETRIEVAL_SECONDS
from chatapp.retrieval.sql import EXACT, INDEXED, PLAN

# Below this many readable passages an exact scan is faster than the index and finds every neighbour.
EXACT_SCAN_LIMIT = 8_000
CANDIDATES = 40
MAX_RESULTS = 50
MAX_QUERY_CHARACTERS = 2_000
EF_SEARCH = 200
# Ranking every match of common words costs more than all the rest of a search.
MAX_RANKED = 2_000
RANK_SMOOTHING = 60


@dataclass(frozen=True, slots=True)
class Passage:
    """`similarity` is the cosine to the query, `score` the fused rank score (only its order means something)."""

    chunk_id: UUID
    document_id: UUID
    document_version_id: UUID
    document_name: str
    collection: str
    page: int | None
    heading: str
    text: str
    score: float
    similarity: float

    def as_dict(self) -> dict[str, Any]:
        """JSON for Celery."""
        ids = {key: str(getattr(self, key)) for key in ("chunk_id", "document_id", "document_version_id")}
        return {**asdict(self), **ids}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Passage":
        ids = {key: UUID(data[key]) for key in ("chunk_id", "document_id", "document_version_id")}
        return cls(**{**data, **ids})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage with the evidence for it: the query's words that it holds, of how many."""

    passage: Passage
    shared: frozenset[str]
    asked: int


# Measured on the demo company's handbook (docs/retrieval.md has the figures).
SIMILAR = 0.40
RELATED = 0.25
SHARED_WORDS = 0.5
# A name or a code that stands in the text counts although its vector says little.
NAMED = 0.20


def is_relevant(found: Candidate) -> bool:
    """Whether a passage may be given as an answer at all: much alike, or alike and with the query's words."""
    similarity = found.passage.similarity
    words = len(found.shared) / found.asked if found.asked else 0.0
    return (
        similarity >= SIMILAR
        or (similarity >= RELATED and words >= SHARED_WORDS)
        or (similarity >= NAMED and words == 1.0)
    )


def find_passages(*, user: User, query: str, collections: Sequence[str] | None, k: int) -> list[Passage]:
    """The best `k` passages that the user may read now, best first; [] when nothing readable is about the query.

    `collections` are slugs, None means all; a slug that the user may not see finds nothing. Runs in workers
    only. Raises EmbeddingError.
    """
    query = " ".join(query.replace("\x00", " ").split())[:MAX_QUERY_CHARACTERS]
    if not query or k < 1 or collections == []:
        return []
    slugs = None if collections is None else [slug for slug in collections if "\x00" not in slug]
    reader: dict[str, Any] = {"user": user.pk, "slugs": slugs}
    readable, lexemes = _plan(reader, query)
    if not readable:
        return []  # Nothing to compare with: making the vector is the dearest part of a search.
    with RETRIEVAL_SECONDS.labels(stage="embed").time():
        vector = embed_query(query, scope=str(user.pk))
    with RETRIEVAL_SECONDS.labels(stage="search").time(), transaction.atomic(), connection.cursor() as cursor:
        candidates = _candidates(cursor, reader=reader, lexemes=lexemes, readable=readable, vector=vector)
    return [found.passage for found in candidates if is_relevant(found)][: min(k, MAX_RESULTS)]


def _plan(reader: dict[str, Any], query: str) -> tuple[int, list[str]]:
    """How many passages may be read, counted no further than to the limit, and the query's words."""
    with connection.cursor() as cursor:
        cursor.execute(PLAN, {**reader, "query": query, "limit": EXACT_SCAN_LIMIT + 1})
        readable, lexemes = cursor.fetchone()
    return readable, lexemes


def _candidates(
    cursor: CursorWrapper, *, reader: dict[str, Any], lexemes: list[str], readable: int, vector: list[float]
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
        cursor.execute(INDEXED, parameters)
        found = cursor.fetchall()
    # A scan of the index also ends when it has met too many rows that may not be read, or that are dead.
    if len(found) < min(CANDIDATES, readable):
        cursor.execute(EXACT, parameters)
        found = cursor.fetchall()
    return [Candidate(Passage(*columns), frozenset(shared), len(lexemes)) for *columns, shared in found]


def any_of(lexemes: Sequence[str]) -> str:
    """A tsquery's text; quotes and backslashes are doubled as its syntax wants."""
    quoted = (lexeme.replace("\\", "\\\\").replace("'", "''") for lexeme in lexemes)
    return " | ".join(f"'{lexeme}'" for lexeme in quoted)
