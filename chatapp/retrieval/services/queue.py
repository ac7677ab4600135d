"""The queue of documents is their rows; a Celery message only says that there is work."""

from functools import partial
from typing import Any

from django.db import transaction

from chatapp.announcer import announce
from chatapp.retrieval.models import Document, DocumentStatus


def queue_document(document: Document) -> None:
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
