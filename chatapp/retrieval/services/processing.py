"""From a stored file to passages that search finds, in slices.

A turn reads the file if nobody has, then embeds one slice of its passages; the last one publishes them. What a run
left that died is used: passages that are all stored are not read again, and vectors that are there not made again.
"""

import time
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, FloatField
from django.db.models.functions import Coalesce

from chatapp.retrieval.embedding import EmbeddingError, embed_texts
from chatapp.retrieval.metrics import INGESTION_DOCUMENTS
from chatapp.retrieval.models import Chunk, DocumentStatus, IngestionParty
from chatapp.retrieval.parsing import ParsingError, Reason
from chatapp.retrieval.services.indexing import (
    ensure_serving_index,
    list_unembedded,
    list_unpublished,
    lock_serving_index,
    publish_passages,
    stage_embeddings,
    withdraw_passages,
)
from chatapp.retrieval.services.queue import (
    MAX_ATTEMPTS,
    LeaseLostError,
    Run,
    claim_document,
    claim_next,
    forget_parties,
    unleased,
    waiting_columns,
)
from chatapp.retrieval.services.reading import READ_PERCENT, read_version

log = structlog.get_logger(__name__)

# A turn embeds so many passages: some seconds of one core.
SLICE = 128
# Kept at once, and shown as progress.
BATCH = 32
_SWEEP_BATCH = 20
_RATE_WEIGHT = 0.3
# Longer ago, the party had nothing to wait for.
_LONGEST_TURN = 300.0
_EMBEDDER_DOWN = "The embedding model is not available now. The document is tried again by itself."


def process_next() -> bool:
    """One turn of the document whose turn it is; False when none waits."""
    run = claim_next()
    if run is None:
        return False
    _take_turn(run)
    return True


def process_document(*, document_id: UUID) -> None:
    """All turns of one document. Does nothing when it is gone, done or held by another run."""
    while (run := claim_document(document_id)) and _take_turn(run):
        pass


def sweep_documents() -> int:
    """Gives up on documents whose runs died too often; returns how many wait for a worker, up to some twenty."""
    poisoned = unleased().filter(attempts__gte=MAX_ATTEMPTS)
    failed = poisoned.update(**_ended(DocumentStatus.FAILED, Reason.UNREADABLE.value))
    INGESTION_DOCUMENTS.labels(status=DocumentStatus.FAILED.value).inc(failed)
    forget_parties()
    return len(unleased().values_list("pk")[:_SWEEP_BATCH])


def _take_turn(run: Run) -> bool:
    """True when the document waits for its next turn."""
    try:
        return _work(run)
    except LeaseLostError:
        log.info("document_superseded", document=str(run.document_id))
    except ParsingError as error:
        _fail(run, error.reason)
    except EmbeddingError:
        log.exception("embedding_failed", document=str(run.document_id))
        run.rows().update(**waiting_columns(_EMBEDDER_DOWN), attempts=F("attempts") - 1)
    except Exception:
        log.exception("processing_failed", document=str(run.document_id))
        if run.attempt >= MAX_ATTEMPTS:
            _fail(run, Reason.UNREADABLE)
        else:
            run.rows().update(**waiting_columns())
    return False


def _work(run: Run) -> bool:
    began = time.monotonic()
    if run.version.passages is None:
        read_version(run)
    embedded = _embed_slice(run)
    _note_rate(run, passages=embedded, seconds=time.monotonic() - began)
    if _publish(run):
        return False
    _release(run)
    return True


def _embed_slice(run: Run) -> int:
    """Vectors for the next slice, kept where nobody finds them yet."""
    index = ensure_serving_index()
    missing = list_unembedded(run.version, index)
    total = run.version.passages or 0
    done = total - missing.count()
    # Texts of like length side by side: less padding.
    chunks = sorted(missing.order_by("ordinal")[:SLICE], key=lambda chunk: len(chunk.text))
    for start in range(0, len(chunks), BATCH):
        batch = chunks[start : start + BATCH]
        vectors = embed_texts([text_to_embed(chunk) for chunk in batch], model=index.model, background=True)
        done += len(batch)
        progress = READ_PERCENT + (95 - READ_PERCENT) * done // max(total, 1)
        with transaction.atomic():
            run.report(progress=progress, passages_total=total, passages_done=done)  # and locks the document
            stage_embeddings(
                index_id=index.pk, vectors=[(chunk.pk, vector) for chunk, vector in zip(batch, vectors, strict=True)]
            )
    return len(chunks)


def text_to_embed(chunk: Chunk) -> str:
    return f"{chunk.heading}\n{chunk.text}"


def _publish(run: Run) -> bool:
    """Passages appear and the old version's leave search in one transaction: nobody finds half a document.

    False when vectors are missing: of passages to come, or because another index serves since.
    """
    with transaction.atomic():
        document = run.lock()
        index = lock_serving_index()
        if index is None or list_unembedded(run.version, index).exists():
            return False
        new = list(list_unpublished(run.version).values_list("pk", flat=True))
        if document.current_id != run.version.pk:
            withdraw_passages(list(Chunk.objects.filter(version=document.current_id).values_list("pk", flat=True)))
        publish_passages(new)
        run.rows().update(current=run.version, **_ended(DocumentStatus.READY))
    INGESTION_DOCUMENTS.labels(status=DocumentStatus.READY.value).inc()
    log.info("document_ready", document=str(run.document_id), passages=len(new))
    return True


def _release(run: Run) -> None:
    """The next turn may be another document's, or another worker's. Raises LeaseLostError."""
    if not run.rows().update(attempts=0, lease=None, lease_until=None):
        raise LeaseLostError


def _fail(run: Run, reason: Reason) -> None:
    with transaction.atomic(), suppress(LeaseLostError):
        run.lock()
        if run.version.passages is None:
            Chunk.objects.filter(version=run.version).delete()
        run.rows().update(**_ended(DocumentStatus.FAILED, reason.value))
        INGESTION_DOCUMENTS.labels(status=DocumentStatus.FAILED.value).inc()
        log.info("document_failed", document=str(run.document_id), reason=reason.name)


def _ended(status: DocumentStatus, error: str = "") -> dict[str, Any]:
    return {
        "status": status,
        "error": error,
        "progress": 100 if status == DocumentStatus.READY else 0,
        "lease": None,
        "lease_until": None,
        "queued_for": None,
        "queued_at": None,
    }


def _note_rate(run: Run, *, passages: int, seconds: float) -> None:
    """For the estimate of the time left: passages by the time between turns of the same party."""
    if run.since_last is not None and run.since_last < _LONGEST_TURN:
        seconds = max(seconds, run.since_last)
    sample = passages / max(seconds, 0.001)
    if passages:
        mean = F("rate") * (1 - _RATE_WEIGHT) + sample * _RATE_WEIGHT
        IngestionParty.objects.filter(pk=run.party).update(rate=Coalesce(mean, sample, output_field=FloatField()))
