"""Uploading, versions, retrying and deleting: rows, files and passages stay in step."""

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from chatapp.accounts.models import AuditEvent
from chatapp.errors import ChatappError
from chatapp.retrieval import selectors, services
from chatapp.retrieval.models import Chunk, Collection, Document, DocumentStatus, DocumentVersion
from chatapp.retrieval.tests.conftest import People, Upload


@pytest.fixture(autouse=True)
def own_storage(settings: Settings, tmp_path: Path) -> Path:
    backend = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "default": backend}
    return tmp_path


def stored_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_d01_a_file_is_stored_under_a_key_of_our_own(upload: Upload, own_storage: Path) -> None:
    document = upload("../../--help.txt", b"Text.", process=False)
    version = document.versions.get()
    assert (document.name, document.status) == ("--help.txt", DocumentStatus.WAITING)
    assert str(version.file.name).startswith("documents/")
    assert "help" not in str(version.file.name)
    assert stored_files(own_storage) == [Path(str(version.file.name)).name]
    assert (version.number, version.size, version.media_type) == (1, 5, "text/plain")
    assert AuditEvent.objects.get(action="document.uploaded").object_id == str(document.pk)


def test_same_name_becomes_the_next_version_and_same_bytes_change_nothing(upload: Upload) -> None:
    first = upload("a.txt", b"One.", process=False)
    assert upload("a.txt", b"One.", process=False) == first
    assert upload("a.txt", b"Two.", process=False) == first
    assert sorted(first.versions.values_list("number", flat=True)) == [1, 2]


def test_d13_readers_and_strangers_do_not_upload(people: People, notes: Collection, own_storage: Path) -> None:
    for user in (people.bob, people.mallory):
        with pytest.raises(ChatappError) as caught:
            services.upload_document(user=user, collection=notes, name="a.txt", data=b"x", media_type="text/plain")
        assert caught.value.code == "forbidden"
    assert not Document.objects.exists()
    assert stored_files(own_storage) == []


def test_d14_limits_have_sentences(upload: Upload, settings: Settings, own_storage: Path) -> None:
    settings.UPLOAD_MAX_BYTES = 2048
    settings.COLLECTION_MAX_DOCUMENTS = 1
    with pytest.raises(ChatappError, match=r"larger than the limit of 2.0\sKB") as caught:
        upload("big.txt", b"x" * 2049)
    assert caught.value.code == "file_too_large"
    upload("first.txt", b"One.", process=False)
    with pytest.raises(ChatappError) as caught:
        upload("second.txt", b"Two.", process=False)
    assert caught.value.code == "collection_full"
    assert len(stored_files(own_storage)) == 1
    upload("first.txt", b"A new version still fits.", process=False)


def test_a_full_disk_is_said_and_leaves_no_row(
    upload: Upload, own_storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_storage / "documents").write_text("a file where the folder has to be")
    with pytest.raises(ChatappError) as caught:
        upload("a.txt", b"One.", process=False)
    assert caught.value.code == "storage_unavailable"
    assert not Document.objects.exists()


@pytest.mark.model
def test_deleting_takes_rows_files_and_passages(
    people: People,
    upload: Upload,
    own_storage: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    document = upload("a.txt", b"The pump runs.")
    upload("a.txt", b"The pump stands still.")
    assert Chunk.objects.count() == 2
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_document(user=people.alice, document=document)
    assert not Document.objects.exists()
    assert not DocumentVersion.objects.exists()
    assert not Chunk.objects.exists()
    assert stored_files(own_storage) == []


def test_a11_a_refused_delete_or_retry_changes_nothing(people: People, upload: Upload, own_storage: Path) -> None:
    document = upload("a.txt", b"", process=True)
    for user in (people.bob, people.mallory):
        with pytest.raises(ChatappError, match="may not do that"):
            services.delete_document(user=user, document=document)
        with pytest.raises(ChatappError, match="may not do that"):
            services.retry_document(user=user, document=document)
    document.refresh_from_db()
    assert document.status == DocumentStatus.FAILED
    assert default_storage.exists(str(document.versions.get().file.name))


def test_retry_starts_a_failed_document_anew(people: People, upload: Upload) -> None:
    document = upload("a.txt", b"")
    assert (document.status, document.error) == (DocumentStatus.FAILED, "The file is empty.")
    retried = services.retry_document(user=people.alice, document=document)
    assert (retried.status, retried.error, retried.attempts) == (DocumentStatus.WAITING, "", 0)
    assert AuditEvent.objects.filter(action="document.retried").exists()


def test_strangers_cannot_tell_a_document_from_none(people: People, upload: Upload) -> None:
    document = upload("a.txt", b"One.", process=False)
    assert selectors.get_document_for(people.bob, document.pk) == document
    for ask in (
        lambda: selectors.get_document_for(people.mallory, document.pk),
        lambda: selectors.get_version_for(people.mallory, document.pk, 1),
        lambda: selectors.get_version_for(people.bob, document.pk, 9),
        lambda: selectors.get_passage_for(people.bob, document.pk),
    ):
        with pytest.raises(ChatappError) as caught:
            ask()
        assert caught.value.code == "not_found"
    assert not selectors.list_documents_for(people.mallory).exists()
