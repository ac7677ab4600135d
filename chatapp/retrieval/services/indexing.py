"""Writes of the search index: which passages may be found. Callers hold the transaction."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from chatapp.retrieval.index_sql import (
    DELETE_EMBEDDINGS,
    DELETE_ENTRIES,
    DELETE_STAGED,
    INSERT_ENTRIES,
    PUBLISH_STAGED,
)
from chatapp.retrieval.models import EmbeddingIndex, IndexState, StagedEmbedding
from chatapp.retrieval.selectors import get_serving_index

# Made by a migration, with its HNSW index; made again only where a database was emptied.
FIRST_INDEX_ID = 1
FIRST_INDEX = {"model": "all-MiniLM-L6-v2", "dimensions": 384, "state": IndexState.SERVING}


def ensure_serving_index() -> EmbeddingIndex:
    return get_serving_index() or EmbeddingIndex.objects.get_or_create(pk=FIRST_INDEX_ID, defaults=FIRST_INDEX)[0]


def stage_embeddings(*, index_id: int, vectors: Sequence[tuple[UUID, list[float]]]) -> None:
    """Keep vectors of passages that nobody may find yet; one that is there already is replaced."""
    StagedEmbedding.objects.bulk_create(
        (StagedEmbedding(index_id=index_id, chunk_id=chunk, vector=vector) for chunk, vector in vectors),
        update_conflicts=True,
        unique_fields=["chunk"],
        update_fields=["index", "vector"],
        batch_size=500,
    )


def publish_passages(chunks: Sequence[UUID]) -> None:
    """From now on search finds these passages, by words and by their staged vectors."""
    _run(PUBLISH_STAGED, chunks)
    _run(DELETE_STAGED, chunks)
    # Last, because it holds the counts of common words until the transaction ends.
    _run(INSERT_ENTRIES, chunks)


def withdraw_passages(chunks: Sequence[UUID]) -> None:
    """From now on search finds none of these passages."""
    _run(DELETE_STAGED, chunks)
    _run(DELETE_EMBEDDINGS, chunks)
    _run(DELETE_ENTRIES, chunks)


def _run(statement: str, chunks: Sequence[UUID]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"chunks": list(chunks)})
