"""Who is served when: parties in turns, big files in slices, and how long the rest takes."""

import os
import signal
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries

from chatapp.accounts.models import User
from chatapp.retrieval import selectors, services
from chatapp.retrieval.models import (
    Chunk,
    Collection,
    CollectionStatistics,
    Document,
    DocumentStatus,
    Embedding,
    IngestionParty,
    SearchEntry,
    StagedEmbedding,
    TermStatistics,
)
from chatapp.retrieval.services import processing, queue, reading
from chatapp.retrieval.tests.conftest import People, Upload, parsing_here
from chatapp.retrieval.tests.test_processing import embedder, searchable

BIG = "\n\n".join(f"Paragraph {number}. " + "The pump keeps the pressure. " * 20 for number in range(20)).encode()


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processing, "SLICE", 4)
    monkeypatch.setattr(processing, "BATCH", 2)
    monkeypatch.setattr(processing, "embed_texts", embedder())
    monkeypatch.setattr(reading, "parsing", parsing_here)


def put(user: User, notes: Collection, name: str, data: bytes = b"Text.") -> Document:
    return services.upload_document(user=user, collection=notes, name=name, data=data, media_type="")


def served(turns: int = 50) -> list[str]:
    """Names of documents in the order in which they become ready."""
    ready: list[str] = []
    for _ in range(turns):
        if not services.process_next():
            return ready
        names = Document.objects.filter(status=DocumentStatus.READY).exclude(name__in=ready)
        ready += sorted(names.values_list("name", flat=True))
    raise AssertionError(ready)


def test_a_folder_of_one_person_does_not_starve_a_file_of_another(people: People, notes: Collection) -> None:
    for number in range(10):
        put(people.ada, notes, f"ada-{number}.txt")
    put(people.alice, notes, "alice.txt")
    order = served()
    assert order.index("alice.txt") <= 1
    assert [name for name in order if name != "alice.txt"] == [f"ada-{number}.txt" for number in range(10)]


def test_a_big_file_goes_back_to_the_queue_between_slices(people: People, notes: Collection) -> None:
    big = put(people.ada, notes, "big.txt", BIG)
    assert services.process_next()
    big.refresh_from_db()
    assert (big.status, big.lease, big.attempts) == (DocumentStatus.PROCESSING, None, 0)
    assert (big.passages_done, big.passages_total) == (4, 20)
    assert 10 < big.progress < 95
    put(people.alice, notes, "alice.txt")
    assert served() == ["alice.txt", "big.txt"]
    assert len(searchable()) == 21


def test_ones_own_small_file_waits_for_ones_older_ones_only(people: People, notes: Collection) -> None:
    for name in ("b.txt", "a.txt", "c.txt"):
        put(people.ada, notes, name)
    assert served() == ["b.txt", "a.txt", "c.txt"]


def test_connectors_are_parties_of_their_own(people: People, notes: Collection) -> None:
    for number in range(5):
        put(people.ada, notes, f"synced-{number}.txt")
    Document.objects.update(queued_for=uuid4())
    put(people.ada, notes, "by-hand.txt")
    assert "by-hand.txt" in served()[:2]


def test_who_was_served_last_waits(people: People, notes: Collection) -> None:
    put(people.alice, notes, "first.txt")
    served()
    put(people.ada, notes, "second.txt")
    served()
    put(people.ada, notes, "again.txt")
    put(people.alice, notes, "alice.txt")
    services.process_next()
    assert Document.objects.get(name="alice.txt").status == DocumentStatus.READY


def test_held_documents_are_passed_over(people: People, notes: Collection) -> None:
    held = put(people.ada, notes, "held.txt")
    Document.objects.filter(pk=held.pk).update(lease=uuid4(), lease_until=Now() + queue.LEASE)
    put(people.ada, notes, "free.txt")
    assert served() == ["free.txt"]
    assert not services.process_next()


def test_nothing_is_read_for_a_collection_that_was_deleted(people: People, notes: Collection) -> None:
    put(people.ada, notes, "a.txt")
    Collection.objects.update(deleted_at=Now())
    assert not services.process_next()


def test_a_run_that_died_between_slices_costs_no_vector_twice(
    upload: Upload, people: People, notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def embed(texts: Sequence[str], **_: str) -> list[list[float]]:
        made.extend(texts)
        return embedder()(texts)

    monkeypatch.setattr(processing, "embed_texts", embed)
    put(people.ada, notes, "big.txt", BIG)
    services.process_next()
    Document.objects.update(lease=uuid4(), lease_until=Now() - timedelta(seconds=1), attempts=1)
    monkeypatch.setattr("chatapp.retrieval.services.reading.parsing", None)  # nor is the file read twice
    assert served() == ["big.txt"]
    assert len(made) == len(set(made)) == 20


def test_a_run_that_died_while_it_stored_is_begun_anew(people: People, notes: Collection) -> None:
    big = put(people.ada, notes, "big.txt", BIG)
    version = big.versions.get()
    for ordinal in range(7):
        Chunk.objects.create(version=version, collection=notes, ordinal=ordinal, text="half")
    served()
    assert len(searchable()) == 20
    assert "half" not in searchable()


def test_another_index_that_takes_over_gets_vectors_of_its_own(
    people: People, notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(people.ada, notes, "big.txt", BIG)
    services.process_next()
    old = services.indexing.ensure_serving_index()
    type(old).objects.filter(pk=old.pk).update(state="retired")
    new = type(old).objects.create(model=old.model, dimensions=old.dimensions, state="serving")
    served()
    indexes = set(Chunk.objects.values_list("embeddings__index", flat=True))
    assert indexes == {new.pk}


def test_what_is_left_is_estimated(
    people: People, notes: Collection, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert selectors.estimate_for(notes) == selectors.Estimate(0, 0, 0)
    put(people.ada, notes, "big.txt", BIG)
    put(people.ada, notes, "next.txt", BIG)
    assert selectors.estimate_for(notes).seconds is None
    services.process_next()
    IngestionParty.objects.update(rate=2.0)
    with django_assert_num_queries(5):
        estimate = selectors.estimate_for(notes)
    # 16 of the first are left; the second is taken to be as long as what was read.
    assert estimate == selectors.Estimate(2, 36, 18)


def test_the_pace_is_measured(people: People, notes: Collection) -> None:
    put(people.ada, notes, "big.txt", BIG)
    served()
    assert (IngestionParty.objects.get(pk=people.ada.pk).rate or 0) > 1


def test_parties_are_forgotten(people: People, notes: Collection) -> None:
    put(people.ada, notes, "a.txt")
    served()
    services.sweep_documents()
    assert IngestionParty.objects.count() == 1
    IngestionParty.objects.update(served_at=Now() - timedelta(hours=2))
    services.sweep_documents()
    assert not IngestionParty.objects.exists()


def test_all_that_failed_is_tried_again(people: People, notes: Collection) -> None:
    for name in ("a.txt", "b.txt"):
        put(people.alice, notes, name, b"")
    put(people.alice, notes, "c.txt")
    served()
    assert services.retry_failed(user=people.alice, collection=notes) == 2
    assert Document.objects.filter(status=DocumentStatus.WAITING).count() == 2
    with pytest.raises(Exception, match="may not do that"):
        services.retry_failed(user=people.bob, collection=notes)


def test_a_collection_is_read_again_as_next_versions(people: People, notes: Collection) -> None:
    put(people.alice, notes, "a.txt", BIG)
    put(people.alice, notes, "bad.txt", b"")
    served()
    with pytest.raises(Exception, match="may not do that"):
        services.reprocess_collection(user=people.alice, collection=notes)
    assert services.reprocess_collection(user=people.ada, collection=notes) == 2
    assert len(searchable()) == 20  # the version before, until then
    served()
    document = Document.objects.get(name="a.txt")
    assert document.current
    assert [version.number for version in document.versions.order_by("number")] == [1, 2]
    assert document.current.number == 2
    assert len(searchable()) == 20
    assert Document.objects.get(name="bad.txt").status == DocumentStatus.FAILED
    assert Document.objects.get(name="bad.txt").versions.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a20_a_worker_killed_halfway_leaves_what_the_next_one_completes(
    people: People, notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real kill in the middle of a slice; then a retry, a version that replaces it, and the deletion."""
    before = put(people.ada, notes, "big.txt", b"The version before.")
    served()
    document = put(people.ada, notes, "big.txt", BIG)
    services.process_next()
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        kill = embedder(lambda: os.kill(os.getpid(), signal.SIGKILL))
        monkeypatch.setattr(processing, "embed_texts", kill)
        services.process_next()
        os._exit(0)  # not reached
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    document.refresh_from_db()
    assert (document.status, document.attempts) == (DocumentStatus.PROCESSING, 1)
    assert not services.process_next()  # its lease holds
    assert searchable() == ["The version before."]
    Document.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert services.sweep_documents() == 1
    assert served() == ["big.txt"]
    assert before.pk == document.pk
    assert len(searchable()) == Embedding.objects.count() == 20
    assert not StagedEmbedding.objects.exists()
    put(people.ada, notes, "big.txt", b"The last version.")
    served()
    assert searchable() == ["The last version."]
    services.delete_document(user=people.ada, document=document)
    assert (SearchEntry.objects.count(), Embedding.objects.count(), Chunk.objects.count()) == (0, 0, 0)
    assert list(CollectionStatistics.objects.values_list("passages", "length")) in ([], [(0, 0)])
    assert not TermStatistics.objects.filter(passages__gt=0).exists()
