"""Embedding indexes grow beside the one that serves, a slice at a time, and are taken away a slice at a time.

The rows are the queue: whatever passage has an entry and no vector in a kept index gets one. That holds for retired
indexes too, so that going back misses nothing, and after any crash.
"""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.db import connection, transaction
from django.db.models import ExpressionWrapper, F, Q, QuerySet
from django.db.models.expressions import CombinedExpression
from django.db.models.fields import DurationField
from django.db.models.functions import Now

from chatapp.leases import UNLEASED
from chatapp.retrieval.embedding import EmbeddingError, ModelFolderError, dimensions_of, embed_texts
from chatapp.retrieval.fill_sql import ADD_VECTORS, DELETE_SOME_VECTORS, HOLD_PASSAGES, NEXT_PASSAGES
from chatapp.retrieval.models import Chunk, Document, DocumentStatus, EmbeddingIndex, IndexState
from chatapp.retrieval.scale import measure_scale
from chatapp.retrieval.selectors.indexes import progress_of
from chatapp.retrieval.services.hnsw import build_hnsw, drop_hnsw, is_searchable
from chatapp.retrieval.services.processing import text_to_embed

log = structlog.get_logger(__name__)

# Few, because ingestion and questions wait for a slice on a machine of few cores.
SLICE = 64
KEPT = (IndexState.FILLING, IndexState.READY, IndexState.SERVING, IndexState.RETIRED)
_LEASE = timedelta(seconds=180)
_RETRY_AFTER = timedelta(seconds=60)
# A worker that goes on by itself has ended a slice since.
_QUIET = timedelta(seconds=12)
_DELETED_AT_ONCE = 5_000
_FIRST = UUID(int=0)


def list_index_work() -> list[int]:
    """Indexes that lack vectors or an HNSW index, or that are to be taken away, and that nobody works on now."""
    free = _free().filter(Q(filled_at=None) | Q(filled_at__lt=Now() - _QUIET))
    return [index.pk for index in free if not _is_complete(index)]


def tend_index(*, index_id: int) -> bool:
    """One slice of whatever the index needs. True when there is more to do now.

    Does nothing when the index is complete, paused, gone or held by another worker, so a message may come twice.
    """
    index = _claim(index_id)
    if index is None:
        return False
    if index.state == IndexState.DROPPED:
        return _take_away(index)
    try:
        more = _fill(index)
    except EmbeddingError as error:
        _stand_still(index, error)
        return False
    # Documents that wait are somebody's: then one slice a sweep is enough.
    return more and not _documents_wait()


def _free() -> QuerySet[EmbeddingIndex]:
    return EmbeddingIndex.objects.filter(UNLEASED, state__in=[*KEPT, IndexState.DROPPED])


def _is_complete(index: EmbeddingIndex) -> bool:
    if index.state == IndexState.DROPPED:
        return False
    done, total = progress_of(index)
    return done == total and not index.error and index.state != IndexState.FILLING


def _claim(index_id: int) -> EmbeddingIndex | None:
    lease = uuid4()
    claimed = _free().filter(pk=index_id).update(lease=lease, lease_until=Now() + _LEASE)
    return EmbeddingIndex.objects.filter(pk=index_id, lease=lease).first() if claimed else None


def _fill(index: EmbeddingIndex) -> bool:
    began = time.monotonic()
    if not index.dimensions:
        _measure(index)
    passages = _next_passages(index, after=index.position or _FIRST)
    if not passages and index.position is not None:
        passages = _next_passages(index, after=_FIRST)  # What came, or was held by others, behind the position.
    if not passages:
        return _complete(index)
    vectors = embed_texts([text for _, text in passages], model=index.model, background=True)
    if len(vectors[0]) != index.dimensions:
        raise ModelFolderError(f"{index.model} is another model than when this index began: its vectors differ.")
    return _store(index, passages, vectors, seconds=time.monotonic() - began)


def _measure(index: EmbeddingIndex) -> None:
    index.dimensions, scale = dimensions_of(index.model), measure_scale(index.model)
    unknown = EmbeddingIndex.objects.filter(pk=index.pk, dimensions=0)
    unknown.update(dimensions=index.dimensions, factor=scale.factor, offset=scale.offset)


def _next_passages(index: EmbeddingIndex, *, after: UUID) -> list[tuple[UUID, str]]:
    """Ids and texts of the next passages without a vector."""
    wanted = {"index": index.pk, "after": after, "limit": SLICE}
    return [(chunk.pk, text_to_embed(chunk)) for chunk in Chunk.objects.raw(NEXT_PASSAGES, wanted)]


def _store(
    index: EmbeddingIndex, passages: list[tuple[UUID, str]], vectors: list[list[float]], *, seconds: float
) -> bool:
    """False when nothing was stored: the index was aborted, paused or taken over, or others hold these passages."""
    with transaction.atomic():
        held = _holding(index).select_for_update().annotate(since=_since_last_slice()).first()
        if held is None:
            return False
        stored = _add_vectors(index, passages, vectors)
        # Pauses in which documents had their turn count, unless nothing was done for long.
        since = held.since.total_seconds() if held.since is not None and held.since < 5 * _QUIET else seconds
        pace = stored / max(since, seconds, 0.001)
        _holding(index).update(
            position=passages[-1][0],
            pace=pace if held.pace is None else 0.8 * held.pace + 0.2 * pace,
            filled_at=Now(),
            error="",
            lease=None,
            lease_until=None,
        )
    return stored > 0


def _add_vectors(index: EmbeddingIndex, passages: list[tuple[UUID, str]], vectors: list[list[float]]) -> int:
    chunks = [chunk for chunk, _ in passages]
    with connection.cursor() as cursor:
        cursor.execute(HOLD_PASSAGES, {"chunks": chunks})
        made: dict[str, Any] = {
            "index": index.pk,
            "held": [chunk for (chunk,) in cursor.fetchall()],
            "chunks": chunks,
            "texts": [text for _, text in passages],
            "vectors": [str(vector) for vector in vectors],
        }
        cursor.execute(ADD_VECTORS, made)
        return int(cursor.rowcount)


def _since_last_slice() -> "ExpressionWrapper[CombinedExpression]":
    return ExpressionWrapper(Now() - F("filled_at"), output_field=DurationField())


def _holding(index: EmbeddingIndex) -> QuerySet[EmbeddingIndex]:
    """The row, as long as this run may write."""
    return EmbeddingIndex.objects.filter(pk=index.pk, lease=index.lease, state__in=KEPT)


def _complete(index: EmbeddingIndex) -> bool:
    """Every passage has a vector: what is left is the HNSW index, which is built fastest at the end."""
    if is_searchable(index) or build_hnsw(index):
        _holding(index).filter(state=IndexState.FILLING).update(state=IndexState.READY, state_at=Now())
        log.info("embedding_index_complete", index=index.pk, model=index.model)
    _holding(index).update(position=None, filled_at=Now(), error="", lease=None, lease_until=None)
    return False


def _stand_still(index: EmbeddingIndex, error: EmbeddingError) -> None:
    """A folder that is broken waits for its operator; anything else is tried again by itself."""
    log.warning("embedding_index_stands_still", index=index.pk, model=index.model, reason=str(error))
    held = _holding(index)
    said = str(error)[:300]
    if isinstance(error, ModelFolderError) and index.state == IndexState.FILLING:
        held.update(state=IndexState.PAUSED, state_at=Now(), error=said, lease=None, lease_until=None)
    else:
        held.update(error=said, lease=None, lease_until=Now() + _RETRY_AFTER)


def _documents_wait() -> bool:
    unfinished = [DocumentStatus.WAITING, DocumentStatus.PROCESSING]
    return Document.objects.filter(status__in=unfinished).exists()


def _take_away(index: EmbeddingIndex) -> bool:
    """The HNSW index first: without it rows go quickly."""
    if not drop_hnsw(index):
        return False
    with connection.cursor() as cursor:
        cursor.execute(DELETE_SOME_VECTORS, {"index": index.pk, "limit": _DELETED_AT_ONCE})
        left = bool(cursor.rowcount == _DELETED_AT_ONCE)
    if left:
        EmbeddingIndex.objects.filter(pk=index.pk).update(filled_at=Now(), lease=None, lease_until=None)
    else:
        index.delete()
    return left
