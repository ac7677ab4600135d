"""What owners do with a collection: its name, its passages, its access, its end."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.storage import default_storage
from django.utils import timezone

from chatapp import holds
from chatapp.accounts.models import AuditEvent, User
from chatapp.errors import ChatappError
from chatapp.privacy.models import HoldScope
from chatapp.privacy.services import holds as legal_holds
from chatapp.retrieval import selectors, services
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS
from chatapp.retrieval.models import (
    Chunk,
    Collection,
    CollectionStatistics,
    Connector,
    Document,
    DocumentVersion,
    Embedding,
    SearchEntry,
    TermStatistics,
)
from chatapp.retrieval.services import processing
from chatapp.retrieval.tests.conftest import People, Upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = [1.0] + [0.0] * (EMBEDDING_DIMENSIONS - 1)
    monkeypatch.setattr(processing, "embed_texts", lambda texts, **_: [vector] * len(texts))


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ChatappError) as caught:
        call()
    return caught.value.code


def test_an_owner_changes_name_and_passages_and_it_is_recorded(people: People, notes: Collection) -> None:
    services.update_collection(
        user=people.ada, collection=notes, name="  Field\u200b  notes ", chunk_characters=900, chunk_overlap=90
    )
    notes.refresh_from_db()
    assert (notes.name, notes.chunk_characters, notes.chunk_overlap) == ("Field notes", 900, 90)
    event = AuditEvent.objects.get(action="collection.changed")
    assert (event.before, event.after) == (
        {"name": "Notes", "chunk_characters": 700, "chunk_overlap": 0},
        {"name": "Field notes", "chunk_characters": 900, "chunk_overlap": 90},
    )
    services.update_collection(user=people.ada, collection=notes, name="Field notes")
    assert AuditEvent.objects.filter(action="collection.changed").count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "\x00 \u200b"},
        {"name": "n" * 121},
        {"chunk_characters": 199},
        {"chunk_characters": 4001},
        {"chunk_overlap": -1},
        {"chunk_overlap": 351},
        {"chunk_characters": 300, "chunk_overlap": 151},
    ],
)
def test_odd_settings_are_refused_whole(people: People, notes: Collection, change: dict[str, Any]) -> None:
    assert code_of(lambda: services.update_collection(user=people.ada, collection=notes, **change)) == "invalid"
    notes.refresh_from_db()
    assert (notes.name, notes.chunk_characters, notes.chunk_overlap) == ("Notes", 700, 0)


@pytest.mark.parametrize("name", ["alice", "bob", "mallory"])
def test_only_owners_manage(people: People, notes: Collection, name: str) -> None:
    user: User = getattr(people, name)
    calls: list[Callable[[], object]] = [
        lambda: services.update_collection(user=user, collection=notes, name="Mine"),
        lambda: services.set_access(user=user, collection=notes, groups={"engineering": "owner"}),
        lambda: services.delete_collection(user=user, collection=notes),
    ]
    assert [code_of(call) for call in calls] == ["forbidden"] * 3
    assert Collection.objects.get().name == "Notes"


def test_access_holds_from_the_next_query_on(people: People, notes: Collection) -> None:
    services.set_access(user=people.ada, collection=notes, groups={"sales": "owner"})
    assert selectors.role_of(people.bob, notes) == "owner"
    assert selectors.role_of(people.alice, notes) is None
    event = AuditEvent.objects.get(action="collection.access_changed")
    assert event.before == {"groups": {"engineering": "editor", "sales": "reader"}}
    assert event.after == {"groups": {"sales": "owner"}}
    bad = ({"sales": "god"}, {"nobody": "reader"}, {"\x00": "reader"})
    for groups in bad:
        call = lambda groups=groups: services.set_access(user=people.ada, collection=notes, groups=groups)  # noqa: E731
        assert code_of(call) == "invalid"


def test_the_last_owner_stays(people: People, notes: Collection) -> None:
    """Who made it has closed their account, so that a group has to own it."""
    services.set_access(user=people.ada, collection=notes, groups={"sales": "owner"})
    User.objects.filter(pk=people.ada.pk).update(is_active=False)
    Group.objects.create(name="nobody's")
    for groups in ({}, {"sales": "editor"}, {"nobody's": "owner"}):
        call = lambda groups=groups: services.set_access(user=people.bob, collection=notes, groups=groups)  # noqa: E731
        assert code_of(call) == "last_owner"
    services.set_access(user=people.bob, collection=notes, groups={"engineering": "owner"})
    assert selectors.role_of(people.bob, notes) is None


def test_a_deleted_collection_is_gone_at_once_and_leaves_nothing(
    people: People, notes: Collection, upload: Upload, django_capture_on_commit_callbacks: Any
) -> None:
    upload("a.md", b"# A\n\nOne.")
    upload("a.md", b"# A\n\nTwo.")
    upload("b.md", b"# B\n\nThree.")
    files = list(DocumentVersion.objects.values_list("file", flat=True))
    services.delete_collection(user=people.ada, collection=notes)
    for user in (people.ada, people.alice, people.bob):
        assert not selectors.list_collections_for(user).exists()
        assert not selectors.list_documents_for(user).exists()
    services.create_collection(user=people.ada, slug="notes", name="Notes again", groups={})
    with django_capture_on_commit_callbacks(execute=True):
        assert services.purge_collections() == 1
    assert [collection.name for collection in Collection.objects.all()] == ["Notes again"]
    left = (Document, DocumentVersion, Chunk, Embedding, SearchEntry, TermStatistics)
    assert [table.__name__ for table in left if table.objects.exists()] == []
    assert not CollectionStatistics.objects.filter(passages__gt=0).exists()
    assert not any(default_storage.exists(file) for file in files)
    event = AuditEvent.objects.get(action="collection.deleted")
    assert (event.actor, event.detail["slug"], event.detail["documents"]) == (people.ada, "notes", 2)


def test_what_is_deleted_is_not_deleted_twice_and_takes_nothing_more(people: People, notes: Collection) -> None:
    services.delete_collection(user=people.ada, collection=notes)
    with pytest.raises(ChatappError):
        services.delete_collection(user=people.ada, collection=notes)
    with pytest.raises(ChatappError):
        services.upload_document(user=people.ada, collection=notes, name="a.txt", data=b"x", media_type="")
    assert services.purge_collections() == 1
    assert services.purge_collections() == 0


def test_a_legal_hold_keeps_it(people: People, notes: Collection, upload: Upload) -> None:
    upload("a.md", b"# A\n\nOne.")
    held = legal_holds.place_hold(user=people.ada, scope=HoldScope.COLLECTION, name="notes", reason="A lawsuit.")
    assert holds.covers_collection(notes.pk)
    assert code_of(lambda: services.delete_collection(user=people.ada, collection=notes)) == "under_hold"
    legal_holds.release_hold(user=people.ada, hold_id=held.pk)
    services.delete_collection(user=people.ada, collection=notes)
    everyone = legal_holds.place_hold(user=people.ada, scope=HoldScope.EVERYONE, name="", reason="All of it.")
    assert services.purge_collections() == 0
    assert Document.objects.count() == 1
    legal_holds.release_hold(user=people.ada, hold_id=everyone.pk)
    services.purge_collections()
    assert not Document.objects.exists()
    # The hold that was released still names the collection: its row stays, empty and seen by nobody.
    assert Collection.objects.get().deleted_at


def test_a_deleted_collection_takes_its_connectors_along(people: People, notes: Collection) -> None:
    wiki = Connector.objects.create(
        collection=notes, name="Wiki", kind="web", config={}, secret="s3cret", next_sync_at=timezone.now()
    )
    services.delete_collection(user=people.ada, collection=notes)
    wiki.refresh_from_db()
    assert wiki.deleted_at
    assert (wiki.secret, wiki.next_sync_at) == ("", None)
    assert services.purge_collections() == 0
    services.purge_connectors(until=time.monotonic() + 10)
    assert services.purge_collections() == 1
    assert not Connector.objects.exists()
