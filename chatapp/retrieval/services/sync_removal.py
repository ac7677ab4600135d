"""What goes when it is gone from its source, or with its connector."""

import time

from django.db import transaction
from django.db.models import Q, QuerySet

from chatapp.errors import ChatappError
from chatapp.holds import covers_collection
from chatapp.retrieval.connectors import KINDS
from chatapp.retrieval.connectors.git import forget_clone
from chatapp.retrieval.models import Connector, Document, SyncedItem, SyncRun, SyncStatus
from chatapp.retrieval.services.documents import remove_document
from chatapp.retrieval.services.sync_runs import Run

_SLICE = 50


def remove_vanished(run: Run, *, until: float) -> bool:
    """Ends the run, unless the time is over before (False). Raises LeaseLostError.

    Where most documents would go at once, nothing goes until somebody says so: an empty source is more often a mistake.
    """
    vanished = _vanished(run)
    documents = vanished.filter(document__isnull=False)
    count, total = documents.count(), run.connector.items.filter(document__isnull=False).count()
    if count and covers_collection(run.connector.collection_id):
        run.end(SyncStatus.COMPLETE, f"A legal hold keeps {count:,} documents that are gone from the source.")
        return True
    if count * 2 > total and not run.row.may_remove_many:
        asks = f"{count:,} of {total:,} documents are gone from the source, so nothing was removed. Are they to go?"
        run.end(SyncStatus.ASKS, asks)
        return True
    for item in documents.select_related("document__collection").iterator(_SLICE):
        _remove(run, item)
        if time.monotonic() > until:
            return False
    vanished.delete()
    run.end(SyncStatus.COMPLETE)
    return True


def purge_connectors(*, until: float) -> None:
    """Removes deleted connectors, each after the documents that were to go with it, as far as no hold keeps them."""
    for connector in Connector.objects.exclude(deleted_at=None).order_by("deleted_at"):
        documents = Document.objects.filter(connector=connector).select_related("collection")
        for document in documents.iterator(_SLICE):
            if time.monotonic() > until:
                return
            try:
                remove_document(document=document, actor=None, connector_id=connector.pk)
            except ChatappError:
                break  # A hold that came meanwhile: it goes when the hold is released.
        else:
            forget_clone(connector.pk)
            connector.delete()


def _vanished(run: Run) -> QuerySet[SyncedItem]:
    """What was not listed, or said to be gone.

    Where items are found by reading others, one that failed may be why another was not found.
    """
    failed = SyncRun.objects.values_list("failed", flat=True).get(pk=run.id)
    if KINDS[run.connector.kind].finds_by_reading and failed:
        return run.connector.items.filter(is_gone=True)
    return run.connector.items.filter(Q(is_gone=True) | Q(listed_in=None) | ~Q(listed_in=run.id))


def _remove(run: Run, item: SyncedItem) -> None:
    with transaction.atomic():
        run.hold()
        if item.document is not None:
            remove_document(document=item.document, actor=None, connector_id=run.connector.pk)
        SyncedItem.objects.filter(pk=item.pk).delete()
        run.report(outcome="removed")
