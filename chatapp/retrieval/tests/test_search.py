"""Search with the real embedding model and the real indexes: what is found, and what nobody else may find."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import numpy as np
import pytest
from celery.contrib.testing.worker import start_worker
from django.db import connection

from chatapp.celery import LOOKUP_QUEUE, app
from chatapp.errors import ChatappError
from chatapp.retrieval import client, services
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS, embed_query
from chatapp.retrieval.models import (
    AccessRole,
    Chunk,
    Collection,
    CollectionAccess,
    Document,
    DocumentVersion,
    Embedding,
    EmbeddingIndex,
)
from chatapp.retrieval.search import Passage, find, find_passages
from chatapp.retrieval.search.sql import build_search
from chatapp.retrieval.search.terms import Term, quote
from chatapp.retrieval.services.indexing import ensure_serving_index, publish_passages, stage_embeddings
from chatapp.retrieval.tests.conftest import People, Upload

HANDBOOK = {
    "leave.md": b"# Holiday\n\nEvery employee receives 28 days of paid holiday per calendar year.",
    "badge.md": b"# Badges\n\nIf you lose your badge, report it at once. A replacement badge costs 15 pounds.",
    "lab.md": b"# Laboratory\n\nThe laboratory in Aachen calibrates pressure gauges up to 1,000 bar.",
    "codes.md": b"# Codes\n\nRMA means return material authorisation. The code word of the drill is zanzibar-77.",
}


@pytest.fixture
def handbook(upload: Upload) -> None:
    for name, data in HANDBOOK.items():
        upload(name, data)


def names(passages: list[Passage]) -> list[str]:
    return [passage.document_name for passage in passages]


@pytest.mark.model
@pytest.mark.parametrize(
    "query,expected",
    [
        ("How many vacation days do I get?", "leave.md"),
        ("I cannot find my badge any more", "badge.md"),
        ("zanzibar-77", "codes.md"),
        ("RMA", "codes.md"),
        ("Where are manometers calibrated?", "lab.md"),
    ],
)
def test_meaning_and_words_find_the_passage(people: People, handbook: None, query: str, expected: str) -> None:
    assert names(find_passages(user=people.bob, query=query, collections=None, k=3))[0] == expected


@pytest.mark.model
@pytest.mark.parametrize(
    "query",
    [
        "What is the capital of Australia?",
        "How do I bake sourdough bread?",
        "hello",
        "thanks!",
        "",
        " \x00 ",
        "' | & ! ( ) <-> :* \\",
        "?" * 5_000,
    ],
)
def test_what_the_documents_do_not_hold_finds_nothing(people: People, handbook: None, query: str) -> None:
    assert find_passages(user=people.bob, query=query, collections=None, k=3) == []


@pytest.mark.model
def test_a16_rights_hold_in_every_search(people: People, handbook: None, notes: Collection) -> None:
    def found(user: object, collections: list[str] | None = None) -> int:
        return len(find_passages(user=user, query="paid holiday", collections=collections, k=3))  # type: ignore[arg-type]

    assert found(people.bob) == found(people.bob, ["notes"]) == found(people.ada) > 0
    assert found(people.mallory) == found(people.mallory, ["notes"]) == 0
    assert found(people.bob, ["unknown"]) == found(people.bob, []) == found(people.bob, ["no\x00tes"]) == 0
    people.bob.groups.clear()
    assert found(people.bob) == 0
    people.alice.is_active = False
    people.alice.save()
    assert found(people.alice) == 0


def test_neighbours_that_the_index_does_not_give_are_found_without_it(
    people: People, notes: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(index: EmbeddingIndex, *, terms: list[Term], picked: str, exact: bool) -> str:
        statement = build_search(index, terms=terms, picked=picked, exact=exact)
        return statement if exact else f"{statement} LIMIT 0"

    mine = fill(people, notes, count=40)
    monkeypatch.setattr(find, "EXACT_SCAN_LIMIT", 0)
    monkeypatch.setattr(find, "build_search", blind)
    monkeypatch.setattr(find, "is_relevant", lambda _: True)
    monkeypatch.setattr(find, "embed_query", lambda _, **__: [1.0] * EMBEDDING_DIMENSIONS)
    found = find_passages(user=people.bob, query="nothing", collections=None, k=40)
    assert {passage.chunk_id for passage in found} == set(mine)


@pytest.mark.model
def test_a19_only_the_current_version_and_no_deleted_document_is_found(people: People, upload: Upload) -> None:
    document = upload("a.md", b"The code word is zanzibar.")
    upload("a.md", b"The code word is timbuktu.")
    find = lambda word: [p.text for p in find_passages(user=people.bob, query=word, collections=None, k=3)]  # noqa: E731
    assert find("code word zanzibar") == find("code word timbuktu") == ["The code word is timbuktu."]
    services.delete_document(user=people.alice, document=document)
    assert find("code word timbuktu") == []


def test_passages_survive_the_way_through_the_broker(people: People, notes: Collection) -> None:
    chunk = fill(people, notes, count=1)[0]
    passage = Passage(chunk, chunk, chunk, "a.md", "notes", 3, "A", "Text", 0.03, 0.5)
    assert Passage.from_dict(passage.as_dict()) == passage


@pytest.mark.parametrize("lexeme", ["it's", "back\\slash", "a'b\\'c", "&|!"])
def test_d12_lexemes_are_quoted_for_tsquery(db: None, lexeme: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_to_tsvector(ARRAY[%s]) @@ %s::tsquery", [lexeme, f"{quote(lexeme)} | {quote('other')}"]
        )
        assert cursor.fetchone() == (True,)


def fill(
    people: People, collection: Collection, *, count: int = 0, seed: int = 0, texts: Sequence[str] = ()
) -> list[UUID]:
    """Passages with random vectors in one ready document; returns their ids."""
    texts = texts or [f"word{n}" for n in range(count)]
    document = Document.objects.create(collection=collection, name=f"random-{seed}", status="ready")
    version = DocumentVersion.objects.create(document=document, number=1, file="none", size=1, sha256="0" * 64)
    Document.objects.filter(pk=document.pk).update(current=version)
    vectors = np.random.default_rng(seed).normal(size=(len(texts), EMBEDDING_DIMENSIONS))
    chunks = [Chunk(version=version, collection=collection, ordinal=n, text=text) for n, text in enumerate(texts)]
    ids = [chunk.pk for chunk in Chunk.objects.bulk_create(chunks, batch_size=500)]
    stage_embeddings(index_id=ensure_serving_index().pk, vectors=list(zip(ids, vectors.tolist(), strict=True)))
    publish_passages(ids)
    return ids


@pytest.mark.parametrize("exact_limit", [0, 10_000], ids=["indexed", "exact"])
def test_filtered_search_finds_the_true_neighbours(
    people: People, notes: Collection, monkeypatch: pytest.MonkeyPatch, exact_limit: int
) -> None:
    """A reader of two per cent of all passages: recall of 20 neighbours against an exact scan."""
    others = Collection.objects.create(slug="others", name="Others")
    fill(people, others, count=1_960, seed=1)
    mine = fill(people, notes, count=40, seed=2)
    monkeypatch.setattr(find, "EXACT_SCAN_LIMIT", exact_limit)
    monkeypatch.setattr(find, "CANDIDATES", 20)
    monkeypatch.setattr(find, "is_relevant", lambda _: True)
    query = np.random.default_rng(3).normal(size=EMBEDDING_DIMENSIONS)
    monkeypatch.setattr(find, "embed_query", lambda _, **__: query.tolist())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE retrieval_embedding")
    found = [p.chunk_id for p in find_passages(user=people.bob, query="nothing", collections=None, k=20)]
    vectors = np.array(
        list(Embedding.objects.filter(collection=notes).order_by("chunk__ordinal").values_list("vector", flat=True))
    )
    similarity = vectors @ query / np.linalg.norm(vectors, axis=1)
    true = {mine[index] for index in np.argsort(-similarity)[:20]}
    assert set(found) <= set(mine)
    assert len(true & set(found)) / 20 >= 0.95


@contextmanager
def lookup_worker() -> Iterator[None]:
    with start_worker(app, queues=[LOOKUP_QUEUE], pool="solo", perform_ping_check=False, shutdown_timeout=30):
        yield


@pytest.mark.model
@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # Celery's result backend, in its worker
def test_the_web_process_searches_through_a_worker(people: People, notes: Collection, upload: Upload) -> None:
    upload("leave.md", HANDBOOK["leave.md"])
    with lookup_worker():
        found = client.lookup_passages(user=people.bob, query="paid holiday", collections=["notes"], k=3)
        vectors = client.lookup_embeddings(["paid holiday"])
        assert client.lookup_passages(user=people.mallory, query="paid holiday", collections=None, k=3) == []
    assert names(found) == ["leave.md"]
    assert np.allclose(vectors[0], embed_query("paid holiday"), atol=1e-5)


def test_a12_a_foreign_collection_is_refused_before_anything_is_sent(people: People, notes: Collection) -> None:
    for slugs in (["notes"], ["never"]):
        with pytest.raises(ChatappError) as caught:
            client.lookup_passages(user=people.mallory, query="paid holiday", collections=slugs, k=3)
        assert caught.value.code == "not_found"


def test_without_a_worker_search_is_unavailable(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LOOKUP_SECONDS", 0.2)
    with pytest.raises(ChatappError) as caught:
        client.lookup_passages(user=people.bob, query="paid holiday", collections=None, k=3)
    assert caught.value.code == "search_unavailable"


def test_two_grants_do_not_double_a_passage(people: People, notes: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    CollectionAccess.objects.create(
        collection=notes, group=people.mallory.groups.create(name="extra"), role=AccessRole.READER
    )
    people.bob.groups.add(*people.mallory.groups.all())
    fill(people, notes, count=3)
    monkeypatch.setattr(find, "is_relevant", lambda _: True)
    monkeypatch.setattr(find, "embed_query", lambda _, **__: [1.0] * EMBEDDING_DIMENSIONS)
    found = find_passages(user=people.bob, query="word1", collections=None, k=10)
    assert len(found) == len({passage.chunk_id for passage in found}) == 3
    assert found[0].text == "word1"
