"""Single passages that people change, and old versions that come back: search never finds what is not said."""

from collections.abc import Callable

import pytest

from chatapp.accounts.models import AuditEvent, User
from chatapp.errors import ChatappError
from chatapp.retrieval import services
from chatapp.retrieval.models import Chunk, Document, DocumentStatus, Embedding, SearchEntry, StagedEmbedding
from chatapp.retrieval.services import processing, reading
from chatapp.retrieval.tests.conftest import People, Upload, parsing_here
from chatapp.retrieval.tests.test_processing import embedder, searchable

TEXT = b"# Pumps\n\nThe pump runs.\n\n# Valves\n\nThe valve is shut."


@pytest.fixture
def document(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> Document:
    monkeypatch.setattr(processing, "embed_texts", embedder())
    monkeypatch.setattr(reading, "parsing", parsing_here)
    return upload("a.md", TEXT)


@pytest.fixture
def pump(document: Document) -> Chunk:
    return Chunk.objects.get(version=document.current, ordinal=0)


def process(document: Document) -> Document:
    services.process_document(document_id=document.pk)
    document.refresh_from_db()
    return document


def words_of(chunk: Chunk) -> str:
    return str(SearchEntry.objects.get(chunk=chunk).terms)


def test_an_edited_passage_is_found_by_its_new_words_only(people: People, document: Document, pump: Chunk) -> None:
    services.edit_passage(user=people.alice, chunk=pump, text="  The compressor stands\u200b still. ")
    assert searchable() == ["The valve is shut."]
    assert process(document).status == DocumentStatus.READY
    assert searchable() == ["The compressor stands still.", "The valve is shut."]
    assert "compressor" in words_of(pump)
    assert "run" not in words_of(pump)
    pump.refresh_from_db()
    assert pump.original_text == "The pump runs."
    assert Embedding.objects.filter(chunk=pump).count() == 1
    assert AuditEvent.objects.get(action="passage.edited").object_id == str(pump.pk)
    services.edit_passage(user=people.alice, chunk=pump, text="The pump runs.")
    pump.refresh_from_db()
    assert (pump.text, pump.original_text) == ("The pump runs.", "")


def test_an_edit_during_a_slice_leaves_no_vector_of_the_old_text(
    people: People, document: Document, pump: Chunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = iter(["Second text."])

    def edit_again() -> None:
        for text in later:
            services.edit_passage(user=people.alice, chunk=pump, text=text)

    services.edit_passage(user=people.alice, chunk=pump, text="First text.")
    monkeypatch.setattr(processing, "embed_texts", embedder(edit_again))
    process(document)
    assert not StagedEmbedding.objects.exists()
    assert searchable() == ["The valve is shut."]
    process(document)
    assert searchable() == ["Second text.", "The valve is shut."]


def test_a_disabled_passage_is_not_found_until_it_is_enabled(people: People, document: Document, pump: Chunk) -> None:
    services.disable_passage(user=people.alice, chunk=pump)
    assert searchable() == ["The valve is shut."]
    assert not Embedding.objects.filter(chunk=pump).exists()
    services.edit_passage(user=people.alice, chunk=pump, text="The pump rests.")
    assert document.status == DocumentStatus.READY  # nothing to embed
    services.enable_passage(user=people.alice, chunk=pump)
    process(document)
    assert searchable() == ["The pump rests.", "The valve is shut."]
    assert set(AuditEvent.objects.filter(action__startswith="passage.").values_list("action", flat=True)) == {
        "passage.disabled", "passage.edited", "passage.enabled",
    }  # fmt: skip


def test_owners_release_from_quarantine(people: People, document: Document, pump: Chunk) -> None:
    services.disable_passage(user=people.ada, chunk=pump)
    Chunk.objects.filter(pk=pump.pk).update(is_disabled=False, quarantine="It speaks to an assistant.")
    for user in (people.alice, people.bob, people.mallory):
        with pytest.raises(ChatappError) as caught:
            services.release_passage(user=user, chunk=pump)
        assert caught.value.code == "forbidden"
    process(document)
    assert searchable() == ["The valve is shut."]
    services.release_passage(user=people.ada, chunk=pump)
    process(document)
    assert searchable() == ["The pump runs.", "The valve is shut."]
    assert AuditEvent.objects.get(action="passage.released").detail["quarantine"] == "It speaks to an assistant."


@pytest.mark.parametrize("name", ["bob", "mallory"])
def test_readers_and_strangers_change_nothing(people: People, document: Document, pump: Chunk, name: str) -> None:
    user: User = getattr(people, name)
    assert document.current
    acts: list[Callable[[], object]] = [
        lambda: services.edit_passage(user=user, chunk=pump, text="x"),
        lambda: services.disable_passage(user=user, chunk=pump),
        lambda: services.enable_passage(user=user, chunk=pump),
        lambda: services.restore_version(user=user, version=document.current),  # type: ignore[arg-type]
    ]
    for act in acts:
        with pytest.raises(ChatappError) as caught:
            act()
        assert caught.value.code == "forbidden"
    assert searchable() == ["The pump runs.", "The valve is shut."]


@pytest.mark.parametrize("text", ["", " \n\u200b", "...", "x" * 8_001])
def test_malformed_texts_change_nothing(people: People, document: Document, pump: Chunk, text: str) -> None:
    with pytest.raises(ChatappError) as caught:
        services.edit_passage(user=people.alice, chunk=pump, text=text)
    assert caught.value.code == "invalid"
    assert searchable() == ["The pump runs.", "The valve is shut."]


def test_passages_of_old_versions_stay_as_they_were(people: People, upload: Upload, pump: Chunk) -> None:
    upload("a.md", b"New.")
    for act in (services.disable_passage, services.enable_passage, services.release_passage):
        with pytest.raises(ChatappError) as caught:
            act(user=people.ada, chunk=pump)
        assert caught.value.code == "not_current"
    pump.delete()
    with pytest.raises(ChatappError) as caught:
        services.edit_passage(user=people.ada, chunk=pump, text="x")
    assert caught.value.code == "not_found"


def test_a_restored_version_says_what_it_said_edits_included(
    people: People, upload: Upload, document: Document, pump: Chunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = document.current
    assert old
    services.edit_passage(user=people.alice, chunk=pump, text="The pump hums.")
    process(document)
    upload("a.md", b"New.")
    assert searchable() == ["New."]
    monkeypatch.setattr("chatapp.retrieval.services.reading.parsing", None)  # it is not read again
    restored = services.restore_version(user=people.alice, version=old)
    assert searchable() == ["New."]
    process(document)
    assert searchable() == ["The pump hums.", "The valve is shut."]
    assert (restored.number, restored.restored_from, restored.file.name) == (3, old, old.file.name)
    assert old.chunks.count() == 2
    assert AuditEvent.objects.get(action="document.restored").detail == {"version": 3, "restored": 1}


def test_restoring_what_is_current_changes_nothing(people: People, document: Document) -> None:
    assert document.current
    assert services.restore_version(user=people.alice, version=document.current) == document.current
    assert document.versions.count() == 1
