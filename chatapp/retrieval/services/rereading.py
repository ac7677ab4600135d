"""Documents of a whole collection, read once more: those that failed, or all of them after its settings changed."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.retrieval.models import Collection, Document, DocumentStatus, DocumentVersion
from chatapp.retrieval.services.queue import queue_documents
from chatapp.retrieval.services.versions import next_version

_CREATED_AT_ONCE = 500


@transaction.atomic
def retry_failed(*, user: User, collection: Collection) -> int:
    """Tries all failed documents again; returns how many. Raises ChatappError("forbidden")."""
    require(user, "retrieval.retry_document", collection)
    failed = Document.objects.filter(collection=collection, status=DocumentStatus.FAILED)
    count = queue_documents(failed, party=user.pk)
    if count:
        record_event(actor=user, action="collection.retried", obj=collection, detail={"documents": count})
    return count


@transaction.atomic
def reprocess_collection(*, user: User, collection: Collection) -> int:
    """Reads all documents again, as the collection's settings are now; returns how many.

    Each gets a next version of the same file, so that what answers cite stays as it was. Until that is read, search
    finds the one before. Edits of single passages stay with the old version. Raises ChatappError("forbidden").
    """
    require(user, "retrieval.manage_collection", collection)
    documents = list(Document.objects.select_for_update().filter(collection=collection).order_by("pk"))
    newest = {version.document_id: version for version in _newest_versions(collection)}
    read = [document for document in documents if document.current_id and document.current_id == newest[document.pk].pk]
    _add_versions(user, read, newest)
    # The newest of the others was never searchable: that one is read again itself.
    unread = {document.pk for document in documents} - {document.pk for document in read}
    DocumentVersion.objects.filter(pk__in=[newest[pk].pk for pk in unread if pk in newest]).update(passages=None)
    count = queue_documents(Document.objects.filter(collection=collection), party=user.pk)
    record_event(actor=user, action="collection.reprocessed", obj=collection, detail={"documents": count})
    return count


def _newest_versions(collection: Collection) -> Sequence[DocumentVersion]:
    versions = DocumentVersion.objects.filter(document__collection=collection)
    return list(versions.order_by("document_id", "-number").distinct("document_id"))


def _add_versions(user: User, documents: Sequence[Document], newest: dict[UUID, DocumentVersion]) -> None:
    DocumentVersion.objects.bulk_create(
        (next_version(newest[document.pk], person=user) for document in documents), batch_size=_CREATED_AT_ONCE
    )
