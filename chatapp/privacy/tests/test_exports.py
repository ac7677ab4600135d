"""The archive of one's own data: what is in it, who gets it, and what it costs others."""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.core.files.storage import default_storage
from django.test import AsyncClient, Client
from django.urls import reverse
from django.utils import timezone

from chatapp.accounts.models import AuditEvent, User
from chatapp.accounts.services import create_api_key
from chatapp.conversations.models import Conversation, Message
from chatapp.conversations.tests.answering import Answerer
from chatapp.encryption import DecryptionError
from chatapp.errors import ChatappError
from chatapp.privacy.models import DataExport, ExportStatus
from chatapp.privacy.services import exports
from chatapp.privacy.tests.conftest import CANARY
from chatapp.privacy.vault import FRAME_BYTES, seal, unseal
from chatapp.spreadsheets import neutralize

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Any) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}},
    }


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_send", lambda _: None)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def made(user: User) -> DataExport:
    export = exports.request_export(user=user)
    exports.make_export(export_id=export.id)
    export.refresh_from_db()
    return export


def download(user: User, export: DataExport) -> tuple[int, bytes]:
    """As the ASGI server has it: status and body."""

    async def get() -> tuple[int, bytes]:
        client = AsyncClient()
        await client.aforce_login(user)
        response: Any = await client.get(reverse("privacy_download", args=[export.id]))
        if not response.streaming:
            return response.status_code, response.content
        return response.status_code, b"".join([frame async for frame in response])

    return async_to_sync(get)()


def unpack(user: User, export: DataExport) -> zipfile.ZipFile:
    status, content = download(user, export)
    assert (status, len(content)) == (200, export.size)
    return zipfile.ZipFile(io.BytesIO(content))


def test_it_holds_what_is_stored_about_the_person_and_nothing_of_others(
    alice: User, bob: User, answer: Answerer
) -> None:
    answer(alice, f"What does the {CANARY} do?")
    answer(bob, "A question of bob's")
    _, raw = create_api_key(user=alice, name="script")
    export = made(alice)
    assert (export.status, export.progress, export.error) == (ExportStatus.READY, 100, "")
    archive = unpack(alice, export)
    names = archive.namelist()
    assert {
        "README.md",
        "account.json",
        "documents.json",
        "feedback.json",
        "reports.json",
        "reviews.json",
        "usage.csv",
        "audit.json",
    } <= set(names)
    everything = b"".join(archive.read(name) for name in names)
    assert everything.count(CANARY.encode()) >= 4  # Question and answer, as Markdown and as JSON.
    assert raw.encode() not in everything
    assert b"bob" not in everything
    account = json.loads(archive.read("account.json"))
    assert account["api_keys"][0]["name"] == "script"
    assert "digest" not in account["api_keys"][0]
    assert {event["action"] for event in json.loads(archive.read("audit.json"))} >= {"privacy.export_requested"}
    assert AuditEvent.objects.filter(action="privacy.export_downloaded", actor=alice).count() == 1


def test_nobody_else_gets_it(alice: User, mallory: User, ada: User) -> None:
    export = made(alice)
    for stranger in (mallory, ada):
        assert download(stranger, export)[0] == 404
    assert download(alice, DataExport(id=uuid4()))[0] == 404
    anonymous = Client().get(reverse("privacy_download", args=[export.id]))
    assert anonymous["Location"].startswith("/accounts/login/")
    assert signed_in(mallory).get(reverse("settings_privacy")).content.count(b"export-row") == 0


def test_the_file_is_encrypted_where_it_lies(alice: User) -> None:
    export = made(alice)
    with default_storage.open(export.file) as stored:
        content = stored.read()
    assert b"alice" not in content
    assert not content.startswith(b"PK")


@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES])
def test_a_sealed_file_comes_back_whole(size: int) -> None:
    content, sealed = bytes(number % 251 for number in range(size)), io.BytesIO()
    seal(io.BytesIO(content), sealed, name="one")
    assert b"".join(unseal(io.BytesIO(sealed.getvalue()), name="one")) == content


def test_a_sealed_file_that_was_cut_mixed_or_renamed_is_refused() -> None:
    sealed = io.BytesIO()
    seal(io.BytesIO(bytes(3 * FRAME_BYTES)), sealed, name="one")
    first, second, last = sealed.getvalue().splitlines(keepends=True)
    for wrong in (first + second, second + first + last, first + last, b"plain"):
        with pytest.raises(DecryptionError):
            list(unseal(io.BytesIO(wrong), name="one"))
    with pytest.raises(DecryptionError):
        list(unseal(io.BytesIO(sealed.getvalue()), name="two"))


def test_one_at_a_time_and_a_few_a_day(alice: User) -> None:
    exports.request_export(user=alice)
    with pytest.raises(ChatappError) as refused:
        exports.request_export(user=alice)
    assert refused.value.code == "export_running"
    DataExport.objects.all().delete()
    for _ in range(exports.MAX_A_DAY):
        made(alice)
    assert signed_in(alice).post(reverse("privacy_export")).status_code == 429


def test_one_that_fails_is_tried_again_and_then_says_so(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: User) -> Any:
        raise OSError("/secret/path")

    monkeypatch.setattr(exports, "parts_of", fail)
    export = made(alice)
    assert export.status == ExportStatus.WAITING
    assert exports.sweep_exports() == [export.id]
    exports.make_export(export_id=export.id)
    export.refresh_from_db()
    assert export.status == ExportStatus.FAILED
    page = signed_in(alice).get(reverse("settings_privacy")).content.decode()
    assert "could not be made" in page
    assert "/secret/path" not in page


def test_too_much_is_refused_with_a_sentence(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MAX_BYTES", 100)
    export = made(alice)
    assert export.status == ExportStatus.FAILED
    assert "more than an archive holds" in export.error


def test_it_expires_with_its_file(alice: User) -> None:
    export = made(alice)
    DataExport.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert download(alice, export)[0] == 404
    exports.sweep_exports()
    assert not DataExport.objects.exists()
    assert not default_storage.exists(export.file)


def test_temporary_conversations_are_not_in_it(alice: User) -> None:
    later = timezone.now() + timedelta(hours=1)
    conversation = Conversation.objects.create(owner=alice, title=CANARY, expires_at=later)
    Message.objects.create(conversation=conversation, role="user", text=CANARY)
    archive = unpack(alice, made(alice))
    assert all(CANARY.encode() not in archive.read(name) for name in archive.namelist())


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_c11_a_cell_that_begins_like_a_formula_is_inert(start: str) -> None:
    assert neutralize(f"{start}HYPERLINK()") == f"'{start}HYPERLINK()"
    assert (neutralize(-5), neutralize("plain"), neutralize("")) == (-5, "plain", "")
