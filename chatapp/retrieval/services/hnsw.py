"""HNSW indexes that are built and dropped while search goes on. None of this may run inside a transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from chatapp.retrieval.fill_sql import CREATE_HNSW_BESIDE, DROP_HNSW_BESIDE, HNSW_IS_VALID
from chatapp.retrieval.models import EmbeddingIndex

# The first key of advisory locks, so that other uses of the second one do not meet these.
_LOCK_SPACE = 0x686E7377


def is_searchable(index: EmbeddingIndex) -> bool:
    """Whether the HNSW index is there, whole."""
    with connection.cursor() as cursor:
        cursor.execute(HNSW_IS_VALID.format(index=index.pk))
        row = cursor.fetchone()
    return bool(row and row[0])


def build_hnsw(index: EmbeddingIndex) -> bool:
    """Takes minutes for a million passages. False when another worker builds it now.

    What a killed build left is dropped first: Postgres keeps it as an index that no query uses.
    """
    with _alone(index) as alone:
        if alone and not is_searchable(index):
            _run(DROP_HNSW_BESIDE.format(index=index.pk))
            _run(CREATE_HNSW_BESIDE.format(index=index.pk, dimensions=index.dimensions))
    return alone


def drop_hnsw(index: EmbeddingIndex) -> bool:
    """False when a worker builds it now."""
    with _alone(index) as alone:
        if alone:
            _run(DROP_HNSW_BESIDE.format(index=index.pk))
    return alone


@contextmanager
def _alone(index: EmbeddingIndex) -> Iterator[bool]:
    """The lock is the session's: Postgres gives it back when a worker dies, at the end of what it was doing."""
    keys = [_LOCK_SPACE, index.pk]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", keys)
        alone = bool(cursor.fetchone()[0])
        try:
            yield alone
        finally:
            if alone:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", keys)


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
