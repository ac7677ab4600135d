"""What a sync does with the documents of a folder: the folder is the plainest source."""

import os
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from chatapp import holds
from chatapp.accounts.models import AuditEvent
from chatapp.errors import ChatappError
from chatapp.retrieval import services
from chatapp.retrieval.connectors.base import ItemError, Known
from chatapp.retrieval.connectors.folder import FolderSource
from chatapp.retrieval.models import Collection, Connector, Document, SyncedItem, SyncRun, SyncStatus
from chatapp.retrieval.services import sync_runs
from chatapp.retrieval.tests.conftest import People, Upload
from chatapp.retrieval.tests.connecting import connect, counts, names, sync

pytestmark = pytest.mark.django_db


@pytest.fixture
def shared(settings: Any, tmp_path: Path) -> Path:
    """A folder that the operator allows, with three files."""
    settings.CONNECTOR_FOLDERS = [tmp_path]
    folder = tmp_path / "wiki"
    (folder / "teams").mkdir(parents=True)
    (folder / "start.md").write_text("# Start\n\nWelcome.")
    (folder / "teams" / "sales.md").write_text("# Sales\n\nWe sell.")
    (folder / "rules.txt").write_text("Be kind.")
    return folder


@pytest.fixture
def wiki(people: People, notes: Collection, shared: Path) -> Connector:
    return connect(people.ada, notes, "folder", path=str(shared))


def change(path: Path, text: str) -> None:
    path.write_text(text)
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000_000))


def test_the_first_sync_brings_every_file_under_its_path(notes: Collection, wiki: Connector) -> None:
    run = sync(wiki)
    assert counts(run) == ("complete", 3, 0, 0, 0, 0)
    assert names(notes) == {"start.md", "teams/sales.md", "rules.txt"}
    assert set(wiki.documents.values_list("queued_for", flat=True)) == {wiki.pk}
    assert run.total == 3


def test_only_what_changed_is_read_again(people: People, wiki: Connector, shared: Path) -> None:
    sync(wiki)
    change(shared / "start.md", "# Start\n\nHello.")
    (shared / "new.md").write_text("New.")
    assert counts(sync(wiki, people.ada)) == ("complete", 1, 1, 2, 0, 0)
    assert [version.number for version in Document.objects.get(name="start.md").versions.order_by("number")] == [1, 2]


def test_the_same_bytes_with_a_new_date_make_no_version(people: People, wiki: Connector, shared: Path) -> None:
    sync(wiki)
    change(shared / "rules.txt", "Be kind.")
    assert counts(sync(wiki, people.ada)) == ("complete", 0, 0, 3, 0, 0)
    assert Document.objects.get(name="rules.txt").versions.count() == 1


def test_a_file_that_vanished_takes_its_document_along(
    people: People, notes: Collection, wiki: Connector, shared: Path
) -> None:
    sync(wiki)
    (shared / "rules.txt").unlink()
    assert counts(sync(wiki, people.ada)) == ("complete", 0, 0, 2, 1, 0)
    assert names(notes) == {"start.md", "teams/sales.md"}
    event = AuditEvent.objects.get(action="document.deleted")
    assert (event.actor, event.detail["connector"]) == (None, str(wiki.pk))


def test_when_most_files_vanish_it_asks_first(people: People, notes: Collection, wiki: Connector, shared: Path) -> None:
    sync(wiki)
    for name in ("rules.txt", "start.md"):
        (shared / name).unlink()
    run = sync(wiki, people.ada)
    assert counts(run) == ("asks", 0, 0, 1, 0, 0)
    assert "2 of 3 documents are gone" in run.error
    assert len(names(notes)) == 3
    assert counts(sync(wiki, people.ada, may_remove_many=True)) == ("complete", 0, 0, 1, 2, 0)
    assert names(notes) == {"teams/sales.md"}


def test_a_folder_that_cannot_be_listed_removes_nothing(
    people: People, notes: Collection, wiki: Connector, shared: Path
) -> None:
    sync(wiki)
    shared.rename(shared.with_name("elsewhere"))
    run = sync(wiki, people.ada, may_remove_many=True)
    assert (run.status, run.error) == ("failed", "There is no such folder now.")
    assert len(names(notes)) == 3


def test_a_file_that_cannot_be_read_is_told_and_tried_again(
    people: People, wiki: Connector, shared: Path, settings: Any
) -> None:
    settings.UPLOAD_MAX_BYTES = 100
    (shared / "big.txt").write_text("x" * 101)
    (shared / "fake.pdf").write_text("This is no PDF.")
    assert counts(sync(wiki)) == ("complete", 3, 0, 0, 0, 2)
    errors = dict(wiki.items.exclude(error="").values_list("key", "error"))
    assert errors["big.txt"] == "It is larger than the limit."
    assert errors["fake.pdf"].startswith("fake.pdf is not a file that can be read here")
    (shared / "fake.pdf").unlink()
    settings.UPLOAD_MAX_BYTES = 1000
    run = sync(wiki, people.ada, only_failed=True)
    assert counts(run) == ("complete", 1, 0, 0, 0, 0)
    assert wiki.items.exclude(error="").count() == 0


def test_links_hidden_files_and_other_formats_are_left_out(
    notes: Collection, wiki: Connector, shared: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.md").write_text("secret")
    (shared / "link.md").symlink_to(tmp_path / "secret.md")
    (shared / "folder").symlink_to(tmp_path)
    (shared / ".hidden.md").write_text("hidden")
    (shared / ".git").mkdir()
    (shared / ".git" / "x.md").write_text("hidden")
    (shared / "tool.exe").write_bytes(b"MZ")
    os.mkfifo(shared / "pipe.md")
    assert counts(sync(wiki)) == ("complete", 3, 0, 0, 0, 0)
    assert names(notes) == {"start.md", "teams/sales.md", "rules.txt"}


def test_a_link_that_takes_the_place_of_a_file_meanwhile_is_not_followed(shared: Path, tmp_path: Path) -> None:
    source = FolderSource({"path": str(shared)})
    (tmp_path / "secret.md").write_text("secret")
    (shared / "start.md").unlink()
    (shared / "start.md").symlink_to(tmp_path / "secret.md")
    (shared / "teams" / "sales.md").unlink()
    (shared / "teams").rmdir()
    (shared / "teams").symlink_to(tmp_path)
    for key in ("start.md", "teams/secret.md", "../secret.md"):
        into = BytesIO()
        with pytest.raises(ItemError):
            source.read_item(Known(key, "", 0), into)
        assert into.getvalue() == b""


@pytest.mark.parametrize("path", ["/etc", "relative", "{tmp}/../..", "", "{tmp}/wiki/out"])
def test_a_folder_that_is_not_allowed_is_refused(
    people: People, notes: Collection, shared: Path, tmp_path: Path, path: str
) -> None:
    (shared / "out").symlink_to("/etc")
    with pytest.raises(ChatappError) as told:
        connect(people.ada, notes, "folder", path=path.format(tmp=tmp_path))
    assert told.value.code == "invalid"


def test_a_folder_that_is_not_allowed_any_more_is_not_read(wiki: Connector, settings: Any, people: People) -> None:
    sync(wiki)
    settings.CONNECTOR_FOLDERS = []
    assert sync(wiki, people.ada).status == "failed"


def test_unreadable_and_long_names_are_told(notes: Collection, wiki: Connector, shared: Path) -> None:
    (shared / os.fsdecode(b"caf\xe9.md")).write_text("x")
    deep = shared.joinpath(*["d" * 200] * 6)
    deep.mkdir(parents=True)
    (deep / "file.md").write_text("x")
    run = sync(wiki)
    assert counts(run) == ("complete", 3, 0, 0, 0, 2)
    assert set(wiki.items.exclude(error="").values_list("error", flat=True)) == {
        "Its name is too long, or no readable text."
    }


def test_d13_a_document_that_was_uploaded_by_hand_is_never_replaced(
    people: People, notes: Collection, upload: Upload, shared: Path
) -> None:
    by_hand = upload("start.md", b"# Mine", process=False)
    wiki = connect(people.ada, notes, "folder", path=str(shared))
    assert counts(sync(wiki)) == ("complete", 2, 0, 0, 0, 1)
    assert wiki.items.get(key="start.md").error.startswith("A document named start.md is in the collection already")
    by_hand.refresh_from_db()
    assert (by_hand.connector, by_hand.versions.count()) == (None, 1)


def test_d13_an_upload_by_hand_never_replaces_what_a_connector_brought(wiki: Connector, upload: Upload) -> None:
    sync(wiki)
    with pytest.raises(ChatappError) as told:
        upload("start.md", b"# Mine", process=False)
    assert told.value.code == "document_synced"
    assert Document.objects.get(name="start.md").versions.count() == 1


class Hold:
    def covers_person(self, user_id: UUID) -> bool:
        return False

    def covers_collection(self, collection_id: UUID) -> bool:
        return True


def test_a_legal_hold_keeps_what_vanished(
    people: People, notes: Collection, wiki: Connector, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(wiki)
    (shared / "rules.txt").unlink()
    monkeypatch.setattr(holds._place, "register", Hold())
    run = sync(wiki, people.ada)
    assert (run.status, run.removed, len(names(notes))) == ("complete", 0, 3)
    assert "legal hold keeps 1 documents" in run.error
    with pytest.raises(ChatappError, match="legal hold"):
        services.delete_connector(user=people.ada, connector=wiki, keep_documents=False)


def test_work_is_done_in_slices_and_goes_on_where_it_stopped(wiki: Connector) -> None:
    run = wiki.runs.get()
    done = []
    while services.run_sync(run_id=run.pk, seconds=0):
        run.refresh_from_db()
        assert (run.lease, run.status) == (None, "running")
        done.append(run.done)
    assert done == [1, 2]
    run.refresh_from_db()
    assert counts(run) == ("complete", 3, 0, 0, 0, 0)


def test_a_worker_that_died_leaves_a_run_that_another_one_ends(
    wiki: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = wiki.runs.get()
    read = FolderSource.read_item

    def die(self: FolderSource, item: Any, into: Any) -> Any:
        if item.key == "start.md":
            raise KeyboardInterrupt
        return read(self, item, into)

    monkeypatch.setattr(FolderSource, "read_item", die)
    with pytest.raises(KeyboardInterrupt):
        services.run_sync(run_id=run.pk)
    assert services.run_sync(run_id=run.pk) is False  # the lease still holds
    assert services.sweep_runs() == []
    SyncRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert services.sweep_runs() == [run.pk]
    monkeypatch.setattr(FolderSource, "read_item", read)
    assert counts(sync(wiki)) == ("complete", 3, 0, 0, 0, 0)


def test_a_run_that_kills_its_workers_is_given_up(wiki: Connector) -> None:
    run = wiki.runs.get()
    for _ in range(sync_runs.MAX_ATTEMPTS):
        assert sync_runs.claim_run(run.pk)
        SyncRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert services.sweep_runs() == []
    run.refresh_from_db()
    assert (run.status, run.error[:24]) == ("failed", "The sync was broken off ")


def test_an_unexpected_failure_costs_one_item(wiki: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: FolderSource, item: Any, into: Any) -> Any:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(FolderSource, "read_item", fail)
    assert counts(sync(wiki)) == ("complete", 0, 0, 0, 0, 3)
    assert "secret" not in "".join(wiki.items.values_list("error", flat=True))


def test_a_cancelled_run_stops_and_its_worker_writes_nothing_more(
    people: People, wiki: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = FolderSource.read_item

    def cancel(self: FolderSource, item: Any, into: Any) -> Any:
        services.cancel_sync(user=people.ada, connector=wiki)
        return read(self, item, into)

    monkeypatch.setattr(FolderSource, "read_item", cancel)
    run = sync(wiki)
    assert counts(run) == ("cancelled", 0, 0, 0, 0, 0)
    assert wiki.documents.count() == 0
    monkeypatch.setattr(FolderSource, "read_item", read)
    assert counts(sync(wiki, people.ada)) == ("complete", 3, 0, 0, 0, 0)


def test_a_schedule_queues_one_run_when_it_is_due(people: People, notes: Collection, shared: Path) -> None:
    wiki = services.create_connector(
        user=people.ada, collection=notes, kind="folder", name="Wiki", config={"path": str(shared)}, every_minutes=60
    )
    sync(wiki)
    assert services.sweep_runs() == []
    Connector.objects.update(next_sync_at=timezone.now() - timedelta(seconds=1))
    (due,) = services.sweep_runs()
    assert services.sweep_runs() == [due]
    wiki.refresh_from_db()
    assert wiki.next_sync_at is not None
    assert wiki.next_sync_at > timezone.now() + timedelta(minutes=59)
    services.cancel_sync(user=people.ada, connector=wiki)
    services.pause_connector(user=people.ada, connector=wiki, paused=True)
    Connector.objects.update(next_sync_at=timezone.now() - timedelta(seconds=1))
    assert services.sweep_runs() == []


def test_no_more_runs_than_allowed_are_worked_on_at_once(people: People, notes: Collection, shared: Path) -> None:
    runs = [
        connect(people.ada, notes, "folder", name=f"Wiki {number}", path=str(shared)).runs.get()
        for number in range(sync_runs.AT_ONCE + 1)
    ]
    claimed = [sync_runs.claim_run(run.pk) for run in runs]
    assert [claim is not None for claim in claimed] == [True] * sync_runs.AT_ONCE + [False]


def test_deleting_a_connector_keeps_its_documents_or_takes_them_along(
    people: People, notes: Collection, wiki: Connector, shared: Path
) -> None:
    sync(wiki)
    services.delete_connector(user=people.ada, connector=wiki, keep_documents=True)
    services.purge_connectors(until=float("inf"))
    assert (Connector.objects.count(), len(names(notes))) == (0, 3)
    assert not Document.objects.exclude(connector=None).exists()
    Document.objects.all().delete()
    again = connect(people.ada, notes, "folder", path=str(shared))
    sync(again)
    services.delete_connector(user=people.ada, connector=again, keep_documents=False)
    services.purge_connectors(until=float("inf"))
    assert (Connector.objects.count(), SyncedItem.objects.count(), names(notes)) == (0, 0, set())


def test_patterns_choose_among_the_files(people: People, notes: Collection, shared: Path) -> None:
    wiki = connect(people.ada, notes, "folder", path=str(shared), include="teams/*, *.txt")
    sync(wiki)
    assert names(notes) == {"teams/sales.md", "rules.txt"}


def test_too_many_files_stop_the_sync_and_remove_nothing(
    people: People, notes: Collection, wiki: Connector, shared: Path, settings: Any
) -> None:
    sync(wiki)
    settings.COLLECTION_MAX_DOCUMENTS = 2
    run = sync(wiki, people.ada)
    assert run.status == SyncStatus.FAILED
    assert "more than 2 files" in run.error
    assert len(names(notes)) == 3
