"""Embedding indexes and how far they are."""

from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, Sum

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.errors import ChatappError
from chatapp.retrieval.fill_sql import COUNT_MISSING, HNSW_BYTES
from chatapp.retrieval.models import CollectionStatistics, Embedding, EmbeddingIndex, IndexState

# A row's header, ids and length beside its numbers of two bytes.
_ROW_BYTES = 76


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """`done` of `total` searchable passages have a vector; `hnsw_bytes` is 0 until the HNSW index is there."""

    index: EmbeddingIndex
    done: int
    total: int
    hnsw_bytes: int

    @property
    def missing(self) -> int:
        return max(0, self.total - self.done)

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 100

    @property
    def seconds_left(self) -> float | None:
        """None when nothing is left, or nobody knows."""
        return self.missing / self.index.pace if self.index.pace and self.missing else None

    @property
    def bytes_used(self) -> int:
        """About: rows of all indexes lie in one table."""
        return self.done * (_ROW_BYTES + 2 * self.index.dimensions) + self.hnsw_bytes


def list_indexes_for(user: User) -> list[IndexProgress]:
    """The serving one first, then the newest. Raises ChatappError("forbidden")."""
    require(user, "retrieval.manage_indexes")
    indexes = sorted(
        EmbeddingIndex.objects.exclude(state=IndexState.DROPPED).select_related("started_by"),
        key=lambda index: (index.state != IndexState.SERVING, -index.pk),
    )
    done = dict(Embedding.objects.values_list("index").annotate(done=Count("pk")))
    total, sizes = _searchable(), _hnsw_sizes()
    return [IndexProgress(index, done.get(index.pk, 0), total, sizes.get(index.pk, 0)) for index in indexes]


def get_index_for(user: User, index_id: int) -> EmbeddingIndex:
    """Raises ChatappError: "forbidden", "not_found"."""
    require(user, "retrieval.manage_indexes")
    index = EmbeddingIndex.objects.exclude(state=IndexState.DROPPED).filter(pk=index_id).first()
    if index is None:
        raise ChatappError("not_found")
    return index


def progress_of(index: EmbeddingIndex) -> tuple[int, int]:
    """How many searchable passages have a vector, and how many there are; both from indexes alone."""
    return Embedding.objects.filter(index=index).count(), _searchable()


def count_missing(index: EmbeddingIndex) -> int:
    """Searchable passages without a vector, each looked up: for decisions, where `progress_of` is for pages."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_MISSING, {"index": index.pk})
        return int(cursor.fetchone()[0])


def _searchable() -> int:
    return CollectionStatistics.objects.aggregate(total=Sum("passages"))["total"] or 0


def _hnsw_sizes() -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(HNSW_BYTES)
        return dict(cursor.fetchall())
