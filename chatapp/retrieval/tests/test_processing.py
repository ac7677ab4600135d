"""From file to passages: progress, leases, duplicate messages, failures, deletion in between."""

from collections.abc import Callable, Sequence
from uuid import uuid4

import numpy as np
import pytest
from django.db.models import F
from django.db.models.functions import Now

from chatapp.retrieval import services
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS, EmbeddingError, check_vectors
from chatapp.retrieval.models import Chunk, Document, DocumentStatus, SearchEntry
from chatapp.retrieval.parsing import Reason
from chatapp.retrieval.services import processing, queue
from chatapp.retrieval.tests.conftest import People, Upload, make_pdf

LONG = "\n\n".join(f"Paragraph {number}. " + "The pump keeps the pressure. " * 20 for number in range(80)).encode()


def embedder(before: Callable[[], None] = lambda: None) -> Callable[..., list[list[float]]]:
    """An embedding model of another maker: unit vectors at once, after `before` has run."""

    def embed(texts: Sequence[str], **_: str) -> list[list[float]]:
        before()
        return [[1.0] + [0.0] * (EMBEDDING_DIMENSIONS - 1)] * len(texts)

    return embed


def searchable() -> list[str]:
    found = SearchEntry.objects.order_by("chunk__version__number", "chunk__ordinal")
    return list(found.values_list("chunk__text", flat=True))


@pytest.mark.model
def test_a_document_becomes_ready_with_embedded_passages(upload: Upload) -> None:
    document = upload("pump.pdf", make_pdf("The pump\nIt runs at 4 bar.", "Service\nEvery 12 months."))
    assert (document.status, document.error, document.progress) == (DocumentStatus.READY, "", 100)
    assert document.current is not None
    assert document.current.pages == 2
    chunks = list(document.current.chunks.order_by("ordinal"))
    assert [(chunk.page, chunk.text) for chunk in chunks] == [(1, "It runs at 4 bar."), (2, "Every 12 months.")]
    assert np.linalg.norm(chunks[0].embeddings.get().vector) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    "name,data,reason",
    [
        ("empty.txt", b"", Reason.EMPTY),
        ("binary.txt", bytes(range(256)), Reason.NOT_TEXT),
        ("cut.pdf", make_pdf("A\nB")[:400], Reason.DAMAGED),
        ("locked.pdf", make_pdf("A\nB", password="x"), Reason.ENCRYPTED),
    ],
)
def test_bad_files_fail_with_a_sentence_and_others_go_on(
    upload: Upload, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes, reason: Reason
) -> None:
    monkeypatch.setattr(processing, "embed_texts", embedder())
    bad = upload(name, data)
    assert (bad.status, bad.error) == (DocumentStatus.FAILED, reason.value)
    assert upload("good.txt", b"Fine.").status == DocumentStatus.READY
    assert not Chunk.objects.filter(version__document=bad).exists()


def test_progress_is_visible_and_renews_the_lease(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    document = upload("long.txt", LONG, process=False)
    seen: list[int] = []
    monkeypatch.setattr(
        processing, "embed_texts", embedder(lambda: seen.append(Document.objects.get(pk=document.pk).progress))
    )
    services.process_document(document_id=document.pk)
    assert len(seen) > 2
    assert seen == sorted(set(seen))
    assert 0 < seen[0] < seen[-1] < 100


def test_a_second_message_while_the_first_runs_does_nothing(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    document = upload("a.txt", b"One.", process=False)
    calls: list[int] = []

    def deliver_again() -> None:
        calls.append(1)
        services.process_document(document_id=document.pk)

    monkeypatch.setattr(processing, "embed_texts", embedder(deliver_again))
    services.process_document(document_id=document.pk)
    services.process_document(document_id=document.pk)
    services.process_document(document_id=uuid4())
    assert calls == [1]
    assert Chunk.objects.count() == 1


def test_a20_a_document_deleted_meanwhile_leaves_nothing(
    people: People, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = upload("a.txt", b"One.", process=False)
    monkeypatch.setattr(
        processing, "embed_texts", embedder(lambda: services.delete_document(user=people.alice, document=document))
    )
    services.process_document(document_id=document.pk)
    assert not Document.objects.exists()
    assert not Chunk.objects.exists()


def test_a20_a_version_uploaded_meanwhile_wins(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    document = upload("a.txt", b"Old.", process=False)
    newer = iter([b"New."])

    def replace_once() -> None:
        for data in newer:
            upload("a.txt", data, process=False)

    monkeypatch.setattr(processing, "embed_texts", embedder(replace_once))
    services.process_document(document_id=document.pk)
    document.refresh_from_db()
    assert (document.status, document.current) == (DocumentStatus.WAITING, None)
    services.process_document(document_id=document.pk)
    assert searchable() == ["New."]


def test_a20_the_old_version_serves_until_the_new_one_is_whole(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processing, "embed_texts", embedder())
    first = upload("a.txt", b"Old.").current
    assert upload("a.txt", b"New.", process=False).current == first
    assert upload("a.txt", bytes(range(256))).current == first


def test_without_embedder_the_document_waits(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object, **__: object) -> list[list[float]]:
        raise EmbeddingError

    monkeypatch.setattr(processing, "embed_texts", down)
    document = upload("a.txt", b"One.")
    assert (document.status, document.attempts) == (DocumentStatus.WAITING, 0)
    assert "tried again" in document.error
    assert services.sweep_documents() == 0
    Document.objects.update(lease_until=Now() - queue.RETRY_AFTER)
    assert services.sweep_documents() == 1


def test_d04_a_document_that_ends_its_workers_is_given_up(upload: Upload) -> None:
    document = upload("a.txt", b"One.", process=False)
    expired = {"status": DocumentStatus.PROCESSING, "lease": uuid4(), "lease_until": Now() - queue.LEASE}
    Document.objects.update(**expired, attempts=1)
    assert services.sweep_documents() == 1
    Document.objects.update(**expired, attempts=F("attempts") + 1)
    assert services.sweep_documents() == 0
    document.refresh_from_db()
    assert (document.status, document.error) == (DocumentStatus.FAILED, Reason.UNREADABLE.value)


def test_an_unexpected_error_is_tried_twice(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> list[list[float]]:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(processing, "embed_texts", broken)
    document = upload("a.txt", b"One.")
    assert (document.status, document.error) == (DocumentStatus.WAITING, "")
    Document.objects.update(lease_until=None)
    services.process_document(document_id=document.pk)
    document.refresh_from_db()
    assert (document.status, document.error) == (DocumentStatus.FAILED, Reason.UNREADABLE.value)


@pytest.mark.parametrize(
    "shape,value", [((2, EMBEDDING_DIMENSIONS), 0), ((1, 12), 0), ((1, EMBEDDING_DIMENSIONS), np.nan)]
)
def test_unusable_vectors_are_refused(shape: tuple[int, int], value: float) -> None:
    with pytest.raises(EmbeddingError):
        check_vectors(np.full(shape, value, dtype=np.float32), expected=1)
