"""The queue of documents is their rows; a Celery message only says that there is work.

Workers serve parties in turns: of those with waiting documents the one that was served least recently, and of its
documents the oldest. A turn is one slice, so neither a big file nor a folder of thousands holds up somebody else's.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from chatapp.announcer import announce
from chatapp.leases import UNLEASED
from chatapp.retrieval.models import Document, DocumentStatus, DocumentVersion, IngestionParty
from chatapp.retrieval.selectors.ingestion import NOBODY

MAX_ATTEMPTS = 2
# Longer than a parser may take; embedding renews it with every batch.
LEASE = timedelta(seconds=120)
RETRY_AFTER = timedelta(seconds=15)
# A party that has waited for nothing so long is as good as new.
_FORGET_AFTER = timedelta(hours=1)
_FRESH: dict[str, Any] = {
    "status": DocumentStatus.WAITING, "error": "", "progress": 0, "attempts": 0, "lease": None, "lease_until": None,
    "passages_total": 0, "passages_done": 0,
}  # fmt: skip
_UNFINISHED = (DocumentStatus.WAITING, DocumentStatus.PROCESSING)
_NEXT = """
SELECT d.id
FROM retrieval_document d
JOIN retrieval_collection held ON held.id = d.collection_id AND held.deleted_at IS NULL
LEFT JOIN retrieval_ingestionparty party ON party.id = coalesce(d.queued_for, %(nobody)s)
WHERE d.status IN ('waiting', 'processing') AND (d.lease_until IS NULL OR d.lease_until < clock_timestamp())
AND d.attempts < %(attempts)s
ORDER BY party.served_at NULLS FIRST, d.queued_at NULLS FIRST, d.id
LIMIT 1
FOR UPDATE OF d SKIP LOCKED
"""
# The time since the party's last turn says how fast its work goes, waiting for others included.
_SERVE = """
WITH before AS (SELECT served_at FROM retrieval_ingestionparty WHERE id = %(party)s)
INSERT INTO retrieval_ingestionparty (id, served_at) VALUES (%(party)s, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET served_at = excluded.served_at
RETURNING extract(epoch FROM clock_timestamp() - (SELECT served_at FROM before))::float8
"""


class LeaseLostError(Exception):
    """The document was deleted, replaced or taken over while it was processed."""


@dataclass(frozen=True, slots=True)
class Run:
    """One turn of one document. Every write names the lease. `since_last` are seconds since the party's last turn."""

    document_id: UUID
    lease: UUID
    attempt: int
    name: str
    version: DocumentVersion
    party: UUID
    since_last: float | None

    def rows(self) -> QuerySet[Document]:
        return Document.objects.filter(pk=self.document_id, lease=self.lease)

    def lock(self) -> Document:
        """For the rest of the transaction nobody deletes, replaces or edits the document. Raises LeaseLostError."""
        document = self.rows().select_for_update().first()
        if document is None:
            raise LeaseLostError
        return document

    def report(self, **columns: object) -> None:
        """Shows progress and renews the lease. Raises LeaseLostError."""
        if not self.rows().update(**columns, lease_until=Now() + LEASE):
            raise LeaseLostError


def queue_document(document: Document, *, party: UUID | None) -> None:
    """A new start: whatever run holds the document loses its lease and writes nothing more.

    `party` is who waits for it, a connector or a person.
    """
    queue_documents(Document.objects.filter(pk=document.pk), party=party)
    document.refresh_from_db(fields=[*_FRESH, "queued_for", "queued_at", "updated_at"])


def queue_documents(documents: QuerySet[Document], *, party: UUID | None) -> int:
    """`queue_document` for many; returns how many."""
    count = documents.update(**_FRESH, queued_for=party, queued_at=Now(), updated_at=Now())
    if count:
        transaction.on_commit(wake_worker, robust=True)
    return count


def wake_worker() -> None:
    from chatapp.retrieval.tasks import process_documents

    announce("document", process_documents.delay)


def claim_next() -> Run | None:
    """The next document in turn, leased; None when none waits, or when all that wait are held."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_NEXT, {"nobody": NOBODY, "attempts": MAX_ATTEMPTS})
        row = cursor.fetchone()
        return claim_document(row[0]) if row else None


@transaction.atomic
def claim_document(document_id: UUID) -> Run | None:
    """None when the document is gone, done, given up or held by another run."""
    lease = uuid4()
    claimed = unleased().filter(pk=document_id, attempts__lt=MAX_ATTEMPTS)
    claimed_now = claimed.update(
        status=DocumentStatus.PROCESSING, attempts=F("attempts") + 1, error="", lease=lease, lease_until=Now() + LEASE
    )
    document = Document.objects.filter(pk=document_id, lease=lease).first() if claimed_now else None
    version = document.versions.order_by("-number").first() if document else None
    if document is None or version is None:
        return None
    party = document.queued_for or NOBODY
    with connection.cursor() as cursor:
        cursor.execute(_SERVE, {"party": party})
        since_last = cursor.fetchone()[0]
    return Run(document.pk, lease, document.attempts, document.name, version, party, since_last)


def unleased() -> QuerySet[Document]:
    unfinished = Document.objects.filter(status__in=_UNFINISHED)
    return unfinished.filter(UNLEASED)


def waiting_columns(error: str = "") -> dict[str, object]:
    """Back to the queue, for another try in a while."""
    return {"status": DocumentStatus.WAITING, "error": error, "lease": None, "lease_until": Now() + RETRY_AFTER}


def forget_parties() -> None:
    IngestionParty.objects.filter(served_at__lt=Now() - _FORGET_AFTER).delete()
