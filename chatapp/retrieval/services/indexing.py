"""Writes of the search index: which passages may be found. Callers hold the transaction."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from chatapp.retrieval.index_sql import (
    COPY_PASSAGES,
    DELETE_EMBEDDINGS,
    DELETE_ENTRIES,
    DELETE_STAGED,
    INSERT_ENTRIES,
    LOCK_ENTRIES,
    LOCK_SERVING,
    PUBLISH_STAGED,
)
from chatapp.retrieval.models import Chunk, DocumentVersion, Embedding, EmbeddingIndex, IndexState, StagedEmbedding
from chatapp.retrieval.selectors import get_serving_index

# Made by a migration, with its HNSW index; made again only where a database was emptied.
FIRST_INDEX_ID = 1
FIRST_INDEX = {"model": "all-MiniLM-L6-v2", "dimensions": 384, "state": IndexState.SERVING}


def ensure_serving_index() -> EmbeddingIndex:
    return get_serving_index() or EmbeddingIndex.objects.get_or_create(pk=FIRST_INDEX_ID, defaults=FIRST_INDEX)[0]


def lock_serving_index() -> EmbeddingIndex | None:
    """Another index cannot take over until the transaction ends. None when one has just done so."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_SERVING)
        row = cursor.fetchone()
    return EmbeddingIndex.objects.get(pk=row[0]) if row else None


def list_unembedded(version: DocumentVersion, index: EmbeddingIndex) -> QuerySet[Chunk]:
    """Passages that search is to find and that have no vector of this index, staged or published."""
    staged = StagedEmbedding.objects.filter(chunk=OuterRef("pk"), index=index)
    published = Embedding.objects.filter(chunk=OuterRef("pk"), index=index)
    return _findable(version).filter(~Exists(staged), ~Exists(published))


def list_unpublished(version: DocumentVersion) -> QuerySet[Chunk]:
    return _findable(version).filter(entry=None)


def _findable(version: DocumentVersion) -> QuerySet[Chunk]:
    return Chunk.objects.filter(version=version, is_disabled=False, quarantine="")


def copy_passages(source: DocumentVersion, target: DocumentVersion) -> None:
    """What `source` says becomes what `target` says; nobody finds it before it is published."""
    with connection.cursor() as cursor:
        cursor.execute(COPY_PASSAGES, {"source": source.pk, "target": target.pk})
    target.passages, target.pages, target.notes = source.passages, source.pages, source.notes
    target.save(update_fields=["passages", "pages", "notes"])


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
    _run(LOCK_ENTRIES, chunks)
    _run(DELETE_STAGED, chunks)
    _run(DELETE_EMBEDDINGS, chunks)
    _run(DELETE_ENTRIES, chunks)


def _run(statement: str, chunks: Sequence[UUID]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"chunks": list(chunks)})
