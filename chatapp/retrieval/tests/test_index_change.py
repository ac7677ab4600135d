"""Another embedding model, without an outage: the new index fills beside, swaps in, and the old one can come back."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from django.db import connection, connections, transaction
from django.db.models.functions import Now

from chatapp.accounts.models import AuditEvent
from chatapp.errors import ChatappError
from chatapp.retrieval import embedding_models, services
from chatapp.retrieval.embedding import EmbeddingError, ModelFolderError
from chatapp.retrieval.index_sql import CREATE_HNSW, DROP_HNSW
from chatapp.retrieval.models import Chunk, Document, Embedding, EmbeddingIndex, IndexState, SearchEntry
from chatapp.retrieval.scale import Scale
from chatapp.retrieval.search import find, find_passages
from chatapp.retrieval.selectors import get_serving_index
from chatapp.retrieval.selectors.indexes import count_missing, list_indexes_for
from chatapp.retrieval.services import filling, hnsw, indexes, processing, warming
from chatapp.retrieval.services.hnsw import drop_hnsw, is_searchable
from chatapp.retrieval.tests.conftest import People, Upload

# Threads and `CREATE INDEX CONCURRENTLY` need it; elsewhere the index is built in the test's own transaction.
committed = pytest.mark.django_db(transaction=True)
FIRST, SECOND = "all-MiniLM-L6-v2", "small"
DIMENSIONS = {FIRST: 384, SECOND: 32}
Hook = Callable[[], object]


def vector_of(text: str, model: str) -> list[float]:
    """Texts with the same words lie near each other, as they do with a real model; each model has its own space."""
    vector = np.zeros(DIMENSIONS[model])
    for word in text.lower().replace(".", " ").split():
        vector[crc32(f"{model} {word}".encode()) % DIMENSIONS[model]] += 1.0
    return list((vector / (np.linalg.norm(vector) or 1.0)).tolist())


class Embedder:
    """`before` runs once, in the middle of the next slice of the fill."""

    def __init__(self) -> None:
        self.before: Hook | None = None

    def fill(self, texts: list[str], *, model: str, background: bool) -> list[list[float]]:
        assert background
        hook, self.before = self.before, None
        if hook:
            hook()
        return [vector_of(text, model) for text in texts]


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> Embedder:
    made = Embedder()
    monkeypatch.setattr(filling, "embed_texts", made.fill)
    monkeypatch.setattr(filling, "dimensions_of", DIMENSIONS.__getitem__)
    monkeypatch.setattr(filling, "measure_scale", lambda _: Scale())
    monkeypatch.setattr(filling, "SLICE", 2)
    monkeypatch.setattr(
        processing, "embed_texts", lambda texts, *, model, **_: [vector_of(text, model) for text in texts]
    )
    monkeypatch.setattr(find, "embed_query", lambda text, *, scope, model=FIRST: vector_of(text, model))
    if connection.in_atomic_block:
        for name, statement in (("CREATE_HNSW_BESIDE", CREATE_HNSW), ("DROP_HNSW_BESIDE", DROP_HNSW)):
            checked = f"SET CONSTRAINTS ALL IMMEDIATE; {statement}; SET CONSTRAINTS ALL DEFERRED"
            monkeypatch.setattr(hnsw, name, checked)
    folders = [embedding_models.Folder(FIRST), embedding_models.Folder(SECOND)]
    monkeypatch.setattr(indexes, "list_folders", lambda: [*folders, embedding_models.Folder("broken", "It is broken.")])
    return made


@pytest.fixture
def library(people: People, embedder: Embedder, upload: Upload) -> Iterator[list[Document]]:
    yield [upload(f"{word}.md", f"# {word}\n\nAll about {word}.".encode()) for word in ("holiday", "badge", "parking")]
    for index in EmbeddingIndex.objects.exclude(pk=1):
        drop_hnsw(index)


def fill(index: EmbeddingIndex) -> EmbeddingIndex:
    """As the beat and the workers do it, until nothing is left."""
    for _ in range(50):
        EmbeddingIndex.objects.update(filled_at=None)  # as if the next sweep came
        if index.pk not in services.list_index_work():
            break
        while services.tend_index(index_id=index.pk):
            pass
    return EmbeddingIndex.objects.get(pk=index.pk)


def start(people: People, model: str = SECOND) -> EmbeddingIndex:
    return services.start_index(user=people.ada, model=model)


def serving() -> EmbeddingIndex:
    index = get_serving_index()
    assert index
    return index


def found(people: People, word: str, index: EmbeddingIndex | None = None) -> list[str]:
    passages = find_passages(user=people.alice, query=word, collections=None, k=1, index=index)
    return [passage.document_name for passage in passages]


def assert_holds_what_is_searchable(index: EmbeddingIndex) -> None:
    """Each passage that may be found has the vector of the text that it has now, and nothing else has one."""
    vectors = {row.chunk_id: row.vector for row in Embedding.objects.filter(index=index)}
    searchable = Chunk.objects.filter(pk__in=SearchEntry.objects.values("chunk"))
    assert vectors.keys() == {chunk.pk for chunk in searchable}
    for chunk in searchable:
        expected = vector_of(processing.text_to_embed(chunk), index.model)
        assert np.allclose(vectors[chunk.pk], expected, atol=1e-2)


@committed
def test_it_fills_beside_swaps_and_goes_back(people: People, library: list[Document]) -> None:
    before = serving()
    index = start(people)
    assert services.tend_index(index_id=index.pk) in {True, False}
    assert found(people, "badge") == ["badge.md"]  # while it fills
    assert serving() == before
    index = fill(index)
    assert (index.state, index.dimensions) == (IndexState.READY, 32)
    assert is_searchable(index)
    assert_holds_what_is_searchable(index)
    services.swap_index(user=people.ada, index=index)
    assert serving() == index
    assert found(people, "parking") == ["parking.md"]
    old = EmbeddingIndex.objects.get(pk=before.pk)
    assert old.state == IndexState.RETIRED
    services.roll_back_index(user=people.ada, index=old)
    assert serving() == old
    assert found(people, "parking") == ["parking.md"]
    actions = AuditEvent.objects.filter(actor=people.ada, action__startswith="retrieval.index_").order_by("at")
    assert [event.action.removeprefix("retrieval.index_") for event in actions] == ["started", "swapped", "rolled_back"]


def test_what_changes_while_it_fills_is_in_it_as_it_is_now(
    people: People, library: list[Document], upload: Upload, embedder: Embedder
) -> None:
    index = start(people)
    edited, deleted, disabled = library[0], library[1], library[2]

    def change() -> None:
        upload("new.md", b"# New\n\nAll about visas.")
        services.delete_document(user=people.alice, document=deleted)
        passage = Chunk.objects.get(version=edited.current)
        services.edit_passage(user=people.alice, chunk=passage, text="All about sick leave.")
        services.process_document(document_id=edited.pk)
        services.disable_passage(user=people.alice, chunk=Chunk.objects.get(version=disabled.current))

    embedder.before = change
    index = fill(index)
    assert index.state == IndexState.READY
    assert_holds_what_is_searchable(index)
    services.swap_index(user=people.ada, index=index)
    assert found(people, "sick leave") == ["holiday.md"]
    assert found(people, "visas") == ["new.md"]
    assert found(people, "badge") == []


def test_a_swap_is_refused_as_long_as_a_passage_lacks_a_vector(
    people: People, library: list[Document], upload: Upload
) -> None:
    index = start(people)
    with pytest.raises(ChatappError, match="filling"):
        services.swap_index(user=people.ada, index=index)
    index = fill(index)
    upload("late.md", b"# Late\n\nAll about trains.")
    assert count_missing(index) == 1
    with pytest.raises(ChatappError, match="1 passages have no vector"):
        services.swap_index(user=people.ada, index=index)
    services.swap_index(user=people.ada, index=fill(index))
    assert found(people, "trains") == ["late.md"]


@committed
def test_searches_during_swaps_find_what_they_always_find(people: People, library: list[Document]) -> None:
    first, second = serving(), fill(start(people))
    services.swap_index(user=people.ada, index=second)
    stop, answers, errors = threading.Event(), list[list[str]](), list[BaseException]()

    def search() -> None:
        try:
            while not stop.is_set():
                answers.append(found(people, "badge"))
        except BaseException as error:  # noqa: BLE001 (told to the test)
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        services.roll_back_index(user=people.ada, index=first)
        services.roll_back_index(user=people.ada, index=second)
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(answers) > 10
    assert all(answer == ["badge.md"] for answer in answers)


def test_a_document_that_is_published_across_a_swap_has_vectors_of_the_new_index(
    people: People, library: list[Document], upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = fill(start(people))
    swapped = list[bool]()

    def swap_once(texts: list[str], *, model: str, **_: object) -> list[list[float]]:
        if not swapped:
            swapped.append(True)
            services.swap_index(user=people.ada, index=index)
        return [vector_of(text, model) for text in texts]

    monkeypatch.setattr(processing, "embed_texts", swap_once)
    upload("across.md", b"# Across\n\nAll about ferries.")
    assert serving() == index
    assert_holds_what_is_searchable(index)
    assert found(people, "ferries") == ["across.md"]


def test_a_retired_index_grows_so_that_going_back_misses_nothing(
    people: People, library: list[Document], upload: Upload
) -> None:
    old = serving()
    services.swap_index(user=people.ada, index=fill(start(people)))
    upload("later.md", b"# Later\n\nAll about bicycles.")
    with pytest.raises(ChatappError, match="no vector"):
        services.roll_back_index(user=people.ada, index=old)
    services.roll_back_index(user=people.ada, index=fill(old))
    assert found(people, "bicycles") == ["later.md"]
    assert_holds_what_is_searchable(serving())


def test_an_abort_stops_a_slice_that_runs_and_leaves_nothing(
    people: People, library: list[Document], embedder: Embedder
) -> None:
    index = start(people)
    embedder.before = lambda: services.abort_index(user=people.ada, index=index)
    assert services.tend_index(index_id=index.pk) is False
    assert not Embedding.objects.filter(index=index).exists()
    assert fill_away(index)
    again = fill(start(people))
    services.abort_index(user=people.ada, index=again)
    assert found(people, "badge") == ["badge.md"]
    assert fill_away(again)
    assert Embedding.objects.filter(index=serving()).count() == SearchEntry.objects.count()


def fill_away(index: EmbeddingIndex) -> bool:
    while services.tend_index(index_id=index.pk):
        pass
    rows = Embedding.objects.filter(index_id=index.pk).exists()
    return not (rows or EmbeddingIndex.objects.filter(pk=index.pk).exists() or is_searchable(index))


def test_many_vectors_are_taken_away_in_batches(
    people: People, library: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = fill(start(people))
    services.abort_index(user=people.ada, index=index)
    monkeypatch.setattr(filling, "_DELETED_AT_ONCE", 2)
    assert services.tend_index(index_id=index.pk) is True
    assert Embedding.objects.filter(index=index).count() == 1
    assert fill_away(index)


def test_a_pause_stops_a_slice_that_runs_and_keeps_what_there_is(
    people: People, library: list[Document], embedder: Embedder
) -> None:
    index = start(people)
    assert services.tend_index(index_id=index.pk) is True
    embedder.before = lambda: services.pause_index(user=people.ada, index=index)
    assert services.tend_index(index_id=index.pk) is False
    assert Embedding.objects.filter(index=index).count() == 2
    assert fill(index).state == IndexState.PAUSED
    with pytest.raises(ChatappError, match="paused"):
        services.pause_index(user=people.ada, index=index)
    services.resume_index(user=people.ada, index=index)
    assert fill(index).state == IndexState.READY


def test_a_killed_worker_s_slice_is_done_by_another_and_its_own_words_come_too_late(
    people: People, library: list[Document], embedder: Embedder
) -> None:
    index = start(people)

    def take_over() -> None:
        assert services.tend_index(index_id=index.pk) is False  # still leased
        EmbeddingIndex.objects.filter(pk=index.pk).update(lease_until=Now() - timedelta(seconds=1))
        assert services.tend_index(index_id=index.pk) is True

    embedder.before = take_over
    assert services.tend_index(index_id=index.pk) is False
    assert Embedding.objects.filter(index=index).count() == 2
    assert fill(index).state == IndexState.READY
    assert_holds_what_is_searchable(EmbeddingIndex.objects.get(pk=index.pk))


@committed
def test_a_build_that_was_broken_off_is_done_again(people: People, library: list[Document]) -> None:
    index = fill(start(people))
    EmbeddingIndex.objects.filter(pk=index.pk).update(state=IndexState.FILLING)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)", [f"embedding_hnsw_{index.pk}"]
        )
    assert not is_searchable(index)
    assert fill(index).state == IndexState.READY
    assert is_searchable(index)


def test_a_retired_index_is_dropped_when_its_days_are_over(
    people: People, library: list[Document], settings: Any
) -> None:
    old = serving()
    services.swap_index(user=people.ada, index=fill(start(people)))
    settings.INDEX_KEPT_DAYS = 3
    for days, dropped in ((2.9, 0), (3.1, 1)):
        EmbeddingIndex.objects.update(state_at=Now() - timedelta(days=days))
        assert services.drop_expired_indexes() == dropped
    assert fill_away(old)
    assert found(people, "badge") == ["badge.md"]
    assert AuditEvent.objects.filter(action="retrieval.index_expired").count() == 1
    with pytest.raises(ChatappError) as refused:
        services.roll_back_index(user=people.ada, index=old)
    assert refused.value.status == 404


@pytest.mark.parametrize(
    "error,state",
    [(ModelFolderError("There is no folder."), IndexState.PAUSED), (EmbeddingError("Try again."), IndexState.FILLING)],
)
def test_a_model_that_cannot_embed_says_so(
    people: People, library: list[Document], embedder: Embedder, error: EmbeddingError, state: IndexState
) -> None:
    index = start(people)

    def fail() -> None:
        raise error

    embedder.before = fail
    assert services.tend_index(index_id=index.pk) is False
    index.refresh_from_db()
    assert (index.state, index.error) == (state, str(error))
    assert found(people, "badge") == ["badge.md"]
    if state == IndexState.PAUSED:
        services.resume_index(user=people.ada, index=index)
    EmbeddingIndex.objects.update(lease_until=None)
    index = fill(index)
    assert (index.state, index.error) == (IndexState.READY, "")


def test_a_folder_that_changed_under_its_name_is_noticed(
    people: People, library: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = start(people)
    services.tend_index(index_id=index.pk)
    monkeypatch.setitem(DIMENSIONS, SECOND, 48)
    services.tend_index(index_id=index.pk)
    index.refresh_from_db()
    assert index.state == IndexState.PAUSED
    assert "another model than when this index began" in index.error


def test_documents_that_wait_have_their_turn_between_slices(
    people: People, library: list[Document], upload: Upload
) -> None:
    index = start(people)
    upload("waits.md", b"# Waits\n\nAll about queues.", process=False)
    assert services.tend_index(index_id=index.pk) is False
    assert Embedding.objects.filter(index=index).count() == 2


@pytest.mark.parametrize("model", ["broken", "nowhere", "", "../small", "nul\0"])
def test_only_a_model_that_is_there_is_begun_with(people: People, library: list[Document], model: str) -> None:
    with pytest.raises(ChatappError) as refused:
        start(people, model)
    assert refused.value.code == "embedding_model"
    assert EmbeddingIndex.objects.count() == 1


def test_one_is_made_at_a_time(people: People, library: list[Document]) -> None:
    index = start(people)
    with pytest.raises(ChatappError, match="being made already"):
        start(people, FIRST)
    services.abort_index(user=people.ada, index=index)
    assert start(people, FIRST).state == IndexState.FILLING


def test_only_operators_change_indexes(people: People, library: list[Document]) -> None:
    index = start(people)
    changes = (
        services.pause_index,
        services.resume_index,
        services.abort_index,
        services.swap_index,
        services.roll_back_index,
    )
    for change in changes:
        with pytest.raises(ChatappError) as refused:
            change(user=people.alice, index=index)
        assert refused.value.status == 403
    with pytest.raises(ChatappError):
        services.start_index(user=people.alice, model=SECOND)
    with pytest.raises(ChatappError):
        list_indexes_for(people.alice)


def test_the_serving_index_is_neither_paused_nor_dropped(people: People, library: list[Document]) -> None:
    for change in (services.pause_index, services.abort_index, services.swap_index, services.roll_back_index):
        with pytest.raises(ChatappError, match="serving"):
            change(user=people.ada, index=serving())


@committed
def test_a_document_goes_although_a_vector_of_it_is_just_being_added(people: People, library: list[Document]) -> None:
    """The fill's transaction is open while the deletion runs; the deletion waits for it, and takes the vector along."""
    index = start(people)
    doomed = library[1]
    chunk = Chunk.objects.get(version=doomed.current)
    held, errors = threading.Event(), list[BaseException]()

    def delete() -> None:
        held.wait(10)
        try:
            services.delete_document(user=people.alice, document=doomed)
        except BaseException as error:  # noqa: BLE001 (told to the test)
            errors.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=delete)
    thread.start()
    with transaction.atomic():
        vector = vector_of(processing.text_to_embed(chunk), SECOND)
        stored = filling._add_vectors(index, [(chunk.pk, processing.text_to_embed(chunk))], [vector])
        held.set()
        thread.join(1.0)
        assert thread.is_alive()
    thread.join(10)
    assert (stored, errors) == (1, [])
    assert not Embedding.objects.filter(chunk=chunk).exists()


def test_progress_says_how_far_and_how_long(
    people: People, library: list[Document], django_assert_num_queries: Callable[[int], object]
) -> None:
    index = start(people)
    services.tend_index(index_id=index.pk)
    with django_assert_num_queries(4):  # type: ignore[attr-defined]
        first, second = list_indexes_for(people.ada)
    assert (first.index.state, first.percent, first.seconds_left) == (IndexState.SERVING, 100, None)
    assert (second.done, second.total, second.missing, second.percent) == (2, 3, 1, 66)
    assert second.seconds_left is not None
    assert second.seconds_left > 0
    fill(index)
    assert list_indexes_for(people.ada)[1].hnsw_bytes > 0


def test_a_model_that_a_worker_cannot_load_is_not_swapped_to(
    people: People, library: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    index, missing = fill(start(people)), {SECOND}

    def load(name: str) -> None:
        if name in missing:
            raise ModelFolderError(f"There is no folder {name}.")

    monkeypatch.setattr(warming, "load_model", load)
    services.warm_models(worker="inference@one:1")
    with pytest.raises(ChatappError, match="inference@one:1: There is no folder small"):
        services.swap_index(user=people.ada, index=index)
    missing.clear()
    services.warm_models(worker="inference@one:1")
    services.swap_index(user=people.ada, index=index)
    missing.add(SECOND)
    with pytest.raises(EmbeddingError):
        services.warm_models(worker="inference@one:1")


def test_what_a_worker_that_is_gone_has_said_is_forgotten(people: People, library: list[Document]) -> None:
    index = fill(start(people))
    EmbeddingIndex.objects.filter(pk=index.pk).update(error="inference@gone:1: There is no folder small.")
    assert fill(index).error == ""
