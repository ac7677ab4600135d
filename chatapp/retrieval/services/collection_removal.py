"""Deleting a collection: nobody sees it from the request on; its documents go afterwards, in slices.

What is left in between is a row without name, maker and groups, which no search and no page reaches.
"""

from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import ProtectedError
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.announcer import announce
from chatapp.errors import ChatappError
from chatapp.holds import covers_collection
from chatapp.retrieval.models import Collection, Connector, Document, DocumentVersion
from chatapp.retrieval.services.connectors import retire_connectors
from chatapp.retrieval.services.versions import delete_file_on_commit

log = structlog.get_logger(__name__)

_SLICE = 50


def delete_collection(*, user: User, collection: Collection) -> None:
    """Its short name is free again at once. Raises ChatappError: forbidden, not_found, under_hold."""
    require(user, "retrieval.manage_collection", collection)
    with transaction.atomic():
        locked = Collection.objects.select_for_update().filter(pk=collection.pk, deleted_at=None).first()
        if locked is None:
            raise ChatappError("not_found")
        if covers_collection(locked.pk):
            raise ChatappError("under_hold")
        detail: dict[str, object] = {
            "slug": locked.slug,
            "name": locked.name,
            "documents": locked.documents.count(),
            "groups": dict(locked.access.values_list("group__name", "role")),
        }
        record_event(actor=user, action="collection.deleted", obj=locked, detail=detail)
        locked.access.all().delete()
        retire_connectors(collection=locked)
        gone: dict[str, Any] = {"slug": f"deleted-{locked.pk}", "created_by": None, "deleted_at": Now()}
        Collection.objects.filter(pk=locked.pk).update(**gone)
        transaction.on_commit(_send, robust=True)


def purge_collections() -> int:
    """Removes what is left of deleted collections, as long as no legal hold covers them; how many are gone."""
    deleted = Collection.objects.exclude(deleted_at=None).order_by("deleted_at").values_list("pk", flat=True)
    return sum(_purge(pk) for pk in deleted if not covers_collection(pk))


def _purge(collection_id: UUID) -> bool:
    while _purge_documents(collection_id):
        pass
    try:
        with transaction.atomic():
            Collection.objects.select_for_update().filter(pk=collection_id).first()
            if Document.objects.filter(collection_id=collection_id).exists():
                return False  # one came in between; the next run takes it
            if Connector.objects.filter(collection_id=collection_id).exists():
                return False  # their clones go with `purge_connectors`
            Collection.objects.filter(pk=collection_id).delete()
    except ProtectedError:
        return False  # a hold that was released still names it: the empty row stays
    log.info("collection_purged", collection=str(collection_id))
    return True


def _purge_documents(collection_id: UUID) -> bool:
    """One slice with all its rows and files; whether there was one."""
    with transaction.atomic():
        Collection.objects.select_for_update().filter(pk=collection_id).first()
        slice_ = list(Document.objects.filter(collection_id=collection_id).values_list("pk", flat=True)[:_SLICE])
        keys = list(DocumentVersion.objects.filter(document__in=slice_).values_list("file", flat=True))
        Document.objects.filter(pk__in=slice_).delete()
        for key in set(keys):
            delete_file_on_commit(key)
    return bool(slice_)


def _send() -> None:
    from chatapp.retrieval.tasks import purge_collections as task

    announce("collection", task.delay)
