"""The queue of documents is their rows; a Celery message only says that there is work."""

from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from chatapp.announcer import announce
from chatapp.retrieval.models import Document, DocumentStatus


def queue_document(document: Document, *, party: UUID | None) -> None:
    """A new start: whatever run holds the document loses its lease and writes nothing more.

    `party` is who waits for it, a connector or a person: workers take turns between parties.
    """
    fresh: dict[str, Any] = {
        "status": DocumentStatus.WAITING, "error": "", "progress": 0, "attempts": 0, "lease": None, "lease_until": None,
        "queued_for": party, "queued_at": Now(), "passages_total": 0, "passages_done": 0,
    }  # fmt: skip
    for column, value in fresh.items():
        setattr(document, column, value)
    document.save(update_fields=[*fresh, "updated_at"])
    document.refresh_from_db(fields=["queued_at"])
    transaction.on_commit(partial(_send, str(document.pk)), robust=True)


def _send(document_id: str) -> None:
    from chatapp.retrieval.tasks import process_document

    announce("document", partial(process_document.delay, document_id))
