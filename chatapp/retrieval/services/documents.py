import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.template.defaultfilters import filesizeformat

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.announcer import announce
from chatapp.errors import ChatappError
from chatapp.holds import covers_collection
from chatapp.retrieval.formats import HEAD_BYTES, MEDIA_TYPES, detect_format
from chatapp.retrieval.models import Collection, Document, DocumentStatus, DocumentVersion
from chatapp.retrieval.names import clean_name


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not taken, and the sentence that says why."""

    name: str
    message: str


def upload_document(
    *, user: User, collection: Collection, name: str, data: "File[bytes] | bytes", media_type: str
) -> Document:
    """Store a file and queue its processing; the same name in the same collection becomes a new version.

    The same bytes as the newest version change nothing, except that a failed document is tried again.
    Raises ChatappError: "forbidden", "file_type", "file_too_large", "collection_full", "storage_unavailable".
    """
    require(user, "retrieval.upload_document", collection)
    file: File[bytes] = ContentFile(data) if isinstance(data, bytes) else data
    if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise ChatappError("file_too_large", limit=filesizeformat(settings.UPLOAD_MAX_BYTES))
    name = clean_name(name)
    file.seek(0)
    kind = detect_format(name=name, media_type=media_type, head=file.read(HEAD_BYTES))
    version = DocumentVersion(media_type=MEDIA_TYPES[kind], size=file.size or 0, sha256=_digest(file))
    try:
        with transaction.atomic():
            return _add_version(user=user, collection=collection, name=name, version=version, file=file)
    except OSError as error:
        _discard(version)
        raise ChatappError("storage_unavailable") from error
    except BaseException:
        _discard(version)
        raise


def upload_documents(*, user: User, collection: Collection, files: "Sequence[UploadedFile[Any]]") -> list[Refusal]:
    """Each file for itself: one that is refused does not hold up the others."""
    refused = []
    for file in files:
        name = file.name or ""
        try:
            upload_document(user=user, collection=collection, name=name, data=file, media_type=file.content_type or "")
        except ChatappError as error:
            refused.append(Refusal(clean_name(name), error.message))
    return refused


def _add_version(
    *, user: User, collection: Collection, name: str, version: DocumentVersion, file: "File[bytes]"
) -> Document:
    # The lock makes uploads into one collection take turns: the count and the version numbers stay true.
    Collection.objects.select_for_update().get(pk=collection.pk)
    document = Document.objects.select_for_update().filter(collection=collection, name=name).first()
    newest = document.versions.order_by("-number").first() if document else None
    if document and newest and newest.sha256 == version.sha256:
        if document.status == DocumentStatus.FAILED:
            _queue(document)
        return document
    if document is None:
        if collection.documents.count() >= settings.COLLECTION_MAX_DOCUMENTS:
            raise ChatappError("collection_full", limit=settings.COLLECTION_MAX_DOCUMENTS)
        document = Document.objects.create(collection=collection, name=name, created_by=user)
    version.document = document
    version.number = newest.number + 1 if newest else 1
    version.file.save(name, file, save=False)
    version.save()
    _queue(document)
    record_event(actor=user, action="document.uploaded", obj=document, detail={"name": name, "version": version.number})
    return document


def retry_document(*, user: User, document: Document) -> Document:
    """Process a failed document again; in any other state nothing changes. Raises ChatappError("forbidden")."""
    require(user, "retrieval.retry_document", document)
    with transaction.atomic():
        locked = Document.objects.select_for_update().filter(pk=document.pk).first()
        if locked is None:
            raise ChatappError("not_found")
        if locked.status == DocumentStatus.FAILED:
            _queue(locked)
            record_event(actor=user, action="document.retried", obj=locked)
    return locked


def delete_document(*, user: User, document: Document) -> None:
    """Rows, passages and files of every version; a running processing notices and stops.

    Raises ChatappError: forbidden, under_hold.
    """
    require(user, "retrieval.delete_document", document)
    if covers_collection(document.collection_id):
        raise ChatappError("under_hold")
    with transaction.atomic():
        Document.objects.select_for_update().filter(pk=document.pk).first()
        keys = list(DocumentVersion.objects.filter(document=document).values_list("file", flat=True))
        detail: dict[str, object] = {"name": document.name, "collection": document.collection.slug}
        record_event(actor=user, action="document.deleted", obj=document, detail=detail)
        Document.objects.filter(pk=document.pk).delete()
        for key in keys:
            transaction.on_commit(partial(default_storage.delete, key), robust=True)


def _queue(document: Document) -> None:
    """A new start: whatever run holds the document loses its lease and writes nothing more."""
    fresh: dict[str, Any] = {
        "status": DocumentStatus.WAITING, "error": "", "progress": 0, "attempts": 0, "lease": None, "lease_until": None,
    }  # fmt: skip
    for column, value in fresh.items():
        setattr(document, column, value)
    document.save(update_fields=[*fresh, "updated_at"])
    transaction.on_commit(partial(_send, str(document.pk)), robust=True)


def _send(document_id: str) -> None:
    from chatapp.retrieval.tasks import process_document

    announce("document", partial(process_document.delay, document_id))


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
