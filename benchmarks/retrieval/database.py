"""A database of the benchmark's own, and passages in it that the product's search finds."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chatapp.runtime.with_services import disposable_environment

if TYPE_CHECKING:
    import numpy as np

    from chatapp.accounts.models import User
    from chatapp.retrieval.models import Collection, EmbeddingIndex

_BATCH = 2_000


@contextmanager
def own_database() -> Iterator[None]:
    """The product's schema in a PostgreSQL that never syncs to disk and is gone afterwards."""
    for name in ("DATABASE_URL", "DATABASE_URL_FILE"):  # It fills tables: never those of a database that is there.
        os.environ.pop(name, None)
    with disposable_environment() as environment:
        os.environ.update(environment)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatapp.settings")
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        try:
            yield
        finally:
            connections.close_all()


@dataclass(frozen=True, slots=True)
class Text:
    heading: str
    text: str


def make_reader(name: str) -> "User":
    from chatapp.accounts.models import User

    reader: User = User.objects.create_user(username=name)
    return reader


def make_collection(slug: str, *, readers: Sequence["User"]) -> "Collection":
    from django.contrib.auth.models import Group

    from chatapp.retrieval.models import AccessRole, Collection, CollectionAccess

    collection = Collection.objects.create(slug=slug, name=slug)
    group = Group.objects.create(name=slug)
    CollectionAccess.objects.create(collection=collection, group=group, role=AccessRole.READER)
    for reader in readers:
        reader.groups.add(group)
    return collection


def add_passages(
    collection: "Collection", *, texts: Sequence[Text], vectors: "np.ndarray[Any, Any]", index: "EmbeddingIndex"
) -> list[UUID]:
    """One document of these passages, which can be found at once; returns their ids in order.

    Rows go into the tables in bulk, without `index`'s HNSW index where the caller has dropped it.
    """
    from chatapp.retrieval.models import Chunk, Document, DocumentVersion

    document = Document.objects.create(collection=collection, name=collection.slug, status="ready")
    version = DocumentVersion.objects.create(document=document, number=1, file="none", size=1, sha256="0" * 64)
    Document.objects.filter(pk=document.pk).update(current=version)
    ids = list[UUID]()
    for start in range(0, len(texts), _BATCH):
        chunks = Chunk.objects.bulk_create(
            Chunk(version=version, collection=collection, ordinal=start + place, heading=each.heading, text=each.text)
            for place, each in enumerate(texts[start : start + _BATCH])
        )
        batch = [chunk.pk for chunk in chunks]
        _index(batch, collection=collection, vectors=vectors[start : start + _BATCH], index=index)
        ids += batch
    return ids


def _index(
    chunks: Sequence[UUID], *, collection: "Collection", vectors: "np.ndarray[Any, Any]", index: "EmbeddingIndex"
) -> None:
    from django.db import connection

    from chatapp.retrieval.index_sql import INSERT_ENTRIES

    with connection.cursor() as cursor:
        with cursor.copy("COPY retrieval_embedding (index_id, chunk_id, collection_id, vector) FROM STDIN") as copy:
            for chunk, vector in zip(chunks, vectors, strict=True):
                copy.write_row((index.pk, chunk, collection.pk, f"[{','.join(f'{value:.5g}' for value in vector)}]"))
        cursor.execute(INSERT_ENTRIES, {"chunks": list(chunks)})


def run_sql(statement: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)
