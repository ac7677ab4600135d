from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.holds import covers_collection
from chatapp.retrieval.models import Collection, Document, DocumentStatus, DocumentVersion
from chatapp.retrieval.names import clean_path
from chatapp.retrieval.services.queue import queue_document
from chatapp.retrieval.services.versions import add_version, delete_file_on_commit


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not taken, and the sentence that says why."""

    name: str
    message: str


def upload_document(
    *, user: User, collection: Collection, name: str, data: "File[bytes] | bytes", media_type: str
) -> Document:
    """`add_version` by an editor. Raises ChatappError: "forbidden", and what `add_version` raises."""
    require(user, "retrieval.upload_document", collection)
    file: File[bytes] = ContentFile(data) if isinstance(data, bytes) else data
    return add_version(collection=collection, name=name, file=file, media_type=media_type, actor=user)[0]


def upload_documents(
    *, user: User, collection: Collection, files: "Sequence[tuple[str, UploadedFile[Any]]]"
) -> list[Refusal]:
    """Files with their names or paths, each for itself: one that is refused does not hold up the others."""
    refused = []
    for name, file in files:
        try:
            upload_document(user=user, collection=collection, name=name, data=file, media_type=file.content_type or "")
        except ChatappError as error:
            refused.append(Refusal(clean_path(name), error.message))
    return refused


def retry_document(*, user: User, document: Document) -> Document:
    """Process a failed document again; in any other state nothing changes. Raises ChatappError("forbidden")."""
    require(user, "retrieval.retry_document", document)
    with transaction.atomic():
        locked = Document.objects.select_for_update().filter(pk=document.pk).first()
        if locked is None:
            raise ChatappError("not_found")
        if locked.status == DocumentStatus.FAILED:
            queue_document(locked, party=user.pk)
            record_event(actor=user, action="document.retried", obj=locked)
    return locked


def delete_document(*, user: User, document: Document) -> None:
    """Rows, passages and files of every version; a running processing notices and stops.

    Raises ChatappError: forbidden, under_hold.
    """
    require(user, "retrieval.delete_document", document)
    remove_document(document=document, actor=user)


def remove_document(*, document: Document, actor: User | None, connector_id: UUID | None = None) -> None:
    """`delete_document` without a question for rights: a connector's source may be who deletes (`connector_id`).

    Raises ChatappError: under_hold.
    """
    if covers_collection(document.collection_id):
        raise ChatappError("under_hold")
    with transaction.atomic():
        Document.objects.select_for_update().filter(pk=document.pk).first()
        keys = list(DocumentVersion.objects.filter(document=document).values_list("file", flat=True))
        detail: dict[str, object] = {"name": document.name, "collection": document.collection.slug}
        if connector_id:
            detail["connector"] = str(connector_id)
        record_event(actor=actor, action="document.deleted", obj=document, detail=detail)
        Document.objects.filter(pk=document.pk).delete()
        for key in set(keys):
            delete_file_on_commit(key)
