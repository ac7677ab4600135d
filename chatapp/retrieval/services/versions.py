"""Versions of a document: a changed file makes the next one, and what an old one said can be brought back."""

import hashlib
from functools import partial
from uuid import UUID

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.template.defaultfilters import filesizeformat

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.retrieval.formats import HEAD_BYTES, MEDIA_TYPES, detect_format
from chatapp.retrieval.models import Collection, Document, DocumentStatus, DocumentVersion
from chatapp.retrieval.names import clean_path
from chatapp.retrieval.services.indexing import copy_passages
from chatapp.retrieval.services.page_images import discard_images_of
from chatapp.retrieval.services.queue import queue_document


def add_version(
    *,
    collection: Collection,
    name: str,
    file: "File[bytes]",
    media_type: str,
    actor: User | None,
    connector_id: UUID | None = None,
) -> tuple[Document, bool]:
    """Store a file and queue its processing; the same name in the same collection becomes the next version.

    Asks no right: that is the caller's part. The same bytes as the newest version change nothing (False), except
    that a failed document is tried again. A connector never replaces what was uploaded by hand or by another one,
    nor the other way round. Raises ChatappError: "file_type", "file_too_large", "collection_full", "name_taken",
    "document_synced", "storage_unavailable".
    """
    if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise ChatappError("file_too_large", limit=filesizeformat(settings.UPLOAD_MAX_BYTES))
    name = clean_path(name)
    file.seek(0)
    kind = detect_format(name=name, media_type=media_type, head=file.read(HEAD_BYTES))
    version = DocumentVersion(media_type=MEDIA_TYPES[kind], size=file.size or 0, sha256=_digest(file))
    try:
        with transaction.atomic():
            return _store(version, file, collection=collection, name=name, actor=actor, connector_id=connector_id)
    except OSError as error:
        _discard(version)
        raise ChatappError("storage_unavailable") from error
    except BaseException:
        _discard(version)
        raise


@transaction.atomic
def restore_version(*, user: User, version: DocumentVersion) -> DocumentVersion:
    """An old version's passages, as people have edited them, become the newest version.

    It is found once a worker has embedded them. Raises ChatappError: forbidden, not_found.
    """
    require(user, "retrieval.restore_version", version.document)
    document = Document.objects.select_for_update().filter(pk=version.document_id).first()
    # Locked, so that retention does not delete its file meanwhile.
    source = DocumentVersion.objects.select_for_update().filter(pk=version.pk).first()
    if document is None or source is None:
        raise ChatappError("not_found")
    newest = document.versions.order_by("-number")[0]
    if source == newest and document.current_id == source.pk:
        return source
    restored = next_version(newest, person=user, of=source)
    restored.save()
    if source.passages is not None:
        copy_passages(source, restored)
    queue_document(document, party=user.pk)
    detail: dict[str, object] = {"version": restored.number, "restored": source.number}
    record_event(actor=user, action="document.restored", obj=document, detail=detail)
    return restored


def next_version(newest: DocumentVersion, *, person: User, of: DocumentVersion | None = None) -> DocumentVersion:
    """Not saved yet: the version after `newest`, with the bytes of `of`. Both share the file in the storage."""
    source = of or newest
    return DocumentVersion(
        document_id=newest.document_id,
        number=newest.number + 1,
        file=source.file.name,
        media_type=source.media_type,
        size=source.size,
        sha256=source.sha256,
        restored_from=of,
        created_by=person,
    )


def delete_unused_file(key: str) -> None:
    """To be called after the commit that removed a version: versions that were restored share a file."""
    if not DocumentVersion.objects.filter(file=key).exists():
        default_storage.delete(key)
        discard_images_of(key)


def delete_file_on_commit(key: str) -> None:
    transaction.on_commit(partial(delete_unused_file, key), robust=True)


def _store(
    version: DocumentVersion,
    file: "File[bytes]",
    *,
    collection: Collection,
    name: str,
    actor: User | None,
    connector_id: UUID | None,
) -> tuple[Document, bool]:
    # The lock makes uploads into one collection take turns: the count and the version numbers stay true.
    if Collection.objects.select_for_update().filter(pk=collection.pk, deleted_at=None).first() is None:
        raise ChatappError("not_found")
    document = Document.objects.select_for_update().filter(collection=collection, name=name).first()
    if document and document.connector_id != connector_id:
        raise ChatappError("name_taken" if connector_id else "document_synced", name=name)
    newest = document.versions.order_by("-number").first() if document else None
    if document and newest and newest.sha256 == version.sha256:
        failed = document.status == DocumentStatus.FAILED
        if failed:
            queue_document(document, party=_party(actor, connector_id))
        return document, failed
    if document is None:
        if collection.documents.count() >= settings.COLLECTION_MAX_DOCUMENTS:
            raise ChatappError("collection_full", limit=settings.COLLECTION_MAX_DOCUMENTS)
        document = Document.objects.create(
            collection=collection, name=name, created_by=actor, connector_id=connector_id
        )
    version.document, version.created_by = document, actor
    version.number = newest.number + 1 if newest else 1
    version.file.save(name, file, save=False)
    version.save()
    queue_document(document, party=_party(actor, connector_id))
    detail: dict[str, object] = {"name": name, "version": version.number}
    if connector_id:
        detail["connector"] = str(connector_id)
    record_event(actor=actor, action="document.uploaded", obj=document, detail=detail)
    return document, True


def _party(actor: User | None, connector_id: UUID | None) -> UUID | None:
    return connector_id or (actor.pk if actor else None)


def _digest(file: "File[bytes]") -> str:
    file.seek(0)
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _discard(version: DocumentVersion) -> None:
    """After a failed upload: the row was rolled back, the file must go too."""
    if version.file.name:
        default_storage.delete(version.file.name)
