"""From a stored file to passages that search finds. The row is the queue: a task only says that there is work."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from chatapp.retrieval.chunking import MAX_PASSAGES, Passage, split_document
from chatapp.retrieval.embedding import BATCH, EmbeddingError, embed_texts
from chatapp.retrieval.formats import format_of_media_type
from chatapp.retrieval.metrics import INGESTION_DOCUMENTS
from chatapp.retrieval.models import Chunk, Document, DocumentStatus, DocumentVersion
from chatapp.retrieval.parsing import Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.child import parse_file
from chatapp.retrieval.services.indexing import (
    ensure_serving_index,
    publish_passages,
    stage_embeddings,
    withdraw_passages,
)

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 2
# Longer than a parser may take; embedding renews it with every batch.
LEASE = timedelta(seconds=120)
RETRY_AFTER = timedelta(seconds=15)
_PARSED_PERCENT = 10
_SWEEP_BATCH = 20
_EMBEDDER_DOWN = "The embedding model is not available now. The document is tried again by itself."


class LeaseLostError(Exception):
    """The document was deleted, replaced or taken over while it was processed."""


@dataclass(frozen=True, slots=True)
class Run:
    document_id: UUID
    lease: UUID
    attempt: int
    name: str
    version: DocumentVersion

    def rows(self) -> QuerySet[Document]:
        return Document.objects.filter(pk=self.document_id, lease=self.lease)

    def report(self, percent: int) -> None:
        """Shows progress and renews the lease. Raises LeaseLostError."""
        if not self.rows().update(progress=percent, lease_until=Now() + LEASE):
            raise LeaseLostError


def process_document(*, document_id: UUID) -> None:
    """Does nothing when the document is gone, done or held by another run, so a message may come twice."""
    run = _claim(document_id)
    if run is None:
        return
    try:
        _process(run)
    except LeaseLostError:
        log.info("document_superseded", document=str(document_id))
    except ParsingError as error:
        _fail(run, error.reason)
    except EmbeddingError:
        log.exception("embedding_failed", document=str(document_id))
        run.rows().update(**_waiting(_EMBEDDER_DOWN), attempts=F("attempts") - 1)
    except Exception:
        log.exception("processing_failed", document=str(document_id))
        if run.attempt >= MAX_ATTEMPTS:
            _fail(run, Reason.UNREADABLE)
        else:
            run.rows().update(**_waiting(""))


def sweep_documents() -> list[UUID]:
    """Gives up on documents whose runs died too often; returns the oldest that wait for a worker."""
    free = _unleased()
    poisoned = free.filter(attempts__gte=MAX_ATTEMPTS)
    failed = poisoned.update(status=DocumentStatus.FAILED, error=Reason.UNREADABLE.value, lease=None)
    INGESTION_DOCUMENTS.labels(status=DocumentStatus.FAILED.value).inc(failed)
    return list(free.order_by("created_at").values_list("pk", flat=True)[:_SWEEP_BATCH])


def _unleased() -> QuerySet[Document]:
    unfinished = Document.objects.filter(status__in=[DocumentStatus.WAITING, DocumentStatus.PROCESSING])
    return unfinished.filter(Q(lease_until=None) | Q(lease_until__lt=Now()))


def _claim(document_id: UUID) -> Run | None:
    lease = uuid4()
    claimed = (
        _unleased()
        .filter(pk=document_id, attempts__lt=MAX_ATTEMPTS)
        .update(
            status=DocumentStatus.PROCESSING,
            attempts=F("attempts") + 1,
            progress=0,
            error="",
            lease=lease,
            lease_until=Now() + LEASE,
        )
    )
    document = Document.objects.filter(pk=document_id, lease=lease).first() if claimed else None
    version = document.versions.order_by("-number").first() if document else None
    if document is None or version is None:
        return None
    return Run(document.pk, lease, document.attempts, document.name, version)


def _process(run: Run) -> None:
    parsed = _parse(run)
    passages = split_document(parsed, name=run.name)
    if len(passages) > MAX_PASSAGES:
        raise ParsingError(Reason.TOO_LARGE)
    run.report(_PARSED_PERCENT)
    vectors: list[list[float]] = []
    for start in range(0, len(passages), BATCH):
        vectors += embed_texts([text_to_embed(passage) for passage in passages[start : start + BATCH]])
        run.report(_PARSED_PERCENT + (95 - _PARSED_PERCENT) * len(vectors) // len(passages))
    _publish(run, parsed, passages, vectors)


def text_to_embed(passage: Passage) -> str:
    return f"{passage.heading}\n{passage.text}"


def _parse(run: Run) -> Parsed:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        try:
            with run.version.file.open("rb") as stored, path.open("wb") as copy:
                shutil.copyfileobj(stored, copy)
        except FileNotFoundError:
            run.report(0)  # deleted meanwhile: the lease is lost, which is no failure
            raise
        return parse_file(path, format_of_media_type(run.version.media_type))


def _publish(run: Run, parsed: Parsed, passages: Sequence[Passage], vectors: Sequence[list[float]]) -> None:
    """Passages appear and the old version's leave search in one transaction: nobody finds half a document."""
    version = run.version
    with transaction.atomic():
        document = run.rows().select_for_update().first()
        if document is None:
            raise LeaseLostError
        old = list(Chunk.objects.filter(version=document.current_id).values_list("pk", flat=True))
        chunks = Chunk.objects.bulk_create(
            (
                Chunk(
                    version=version,
                    collection_id=document.collection_id,
                    ordinal=passage.ordinal,
                    page=passage.page,
                    heading=passage.heading,
                    text=passage.text,
                )
                for passage in passages
            ),
            batch_size=500,
        )
        ids = [chunk.pk for chunk in chunks]
        stage_embeddings(index_id=ensure_serving_index().pk, vectors=list(zip(ids, vectors, strict=True)))
        withdraw_passages(old)
        publish_passages(ids)
        DocumentVersion.objects.filter(pk=version.pk).update(pages=parsed.pages)
        run.rows().update(
            current=version, status=DocumentStatus.READY, progress=100, error="", lease=None, lease_until=None
        )
    INGESTION_DOCUMENTS.labels(status=DocumentStatus.READY.value).inc()
    log.info("document_ready", document=str(run.document_id), passages=len(passages))


def _fail(run: Run, reason: Reason) -> None:
    run.rows().update(status=DocumentStatus.FAILED, error=reason.value, progress=0, lease=None, lease_until=None)
    INGESTION_DOCUMENTS.labels(status=DocumentStatus.FAILED.value).inc()
    log.info("document_failed", document=str(run.document_id), reason=reason.name)


def _waiting(error: str) -> dict[str, object]:
    return {
        "status": DocumentStatus.WAITING,
        "error": error,
        "progress": 0,
        "lease": None,
        "lease_until": Now() + RETRY_AFTER,
    }
