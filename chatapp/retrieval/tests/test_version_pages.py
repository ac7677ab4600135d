"""Versions, original files and single passages on a document's page."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.test import AsyncClient, Client
from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.retrieval import services
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS
from chatapp.retrieval.models import Chunk, Collection, Document, DocumentVersion
from chatapp.retrieval.services import processing
from chatapp.retrieval.tests.conftest import People, Upload
from chatapp.retrieval.tests.test_pages import HTMX, SignIn, sign_in

__all__ = ["sign_in"]
pytestmark = pytest.mark.django_db
PAGE = b"<!doctype html><script>alert(1)</script><p>Pumps run at 4 bar.</p>"


@pytest.fixture(autouse=True)
def quick_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = [1.0] + [0.0] * (EMBEDDING_DIMENSIONS - 1)
    monkeypatch.setattr(processing, "embed_texts", lambda texts, **_: [vector] * len(texts))


async def fetch(user: User, document: Document, number: int) -> tuple[Any, bytes]:
    client = AsyncClient()
    await client.aforce_login(user, backend="django.contrib.auth.backends.ModelBackend")
    answer: Any = await client.get(reverse("download_version", args=[document.pk, number]))
    streamed = answer.streaming
    return answer, b"".join([piece async for piece in answer.streaming_content]) if streamed else answer.content


def file_of(user: User, document: Document, number: int = 1) -> tuple[Any, bytes]:
    return asyncio.run(fetch(user, document, number))


@pytest.mark.django_db(transaction=True)
def test_c09_an_original_is_only_ever_a_file_to_save(people: People, upload: Upload) -> None:
    document = upload('a/Übersicht "4".html', PAGE)
    answer, content = file_of(people.bob, document)
    assert content == PAGE
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''%C3%9Cbersicht%20%224%22.html"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Content-Length"] == str(len(PAGE))
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
def test_each_version_keeps_its_file(people: People, upload: Upload) -> None:
    document = upload("a.md", b"# A\n\nOld words.")
    upload("a.md", b"# A\n\nNew words.")
    assert b"Old words" in file_of(people.bob, document, 1)[1]
    assert b"New words" in file_of(people.bob, document, 2)[1]
    for number in (0, 3, 2**31, 10**30):
        assert file_of(people.bob, document, number)[0].status_code == 404
    default_storage.delete(str(document.versions.get(number=1).file))
    assert file_of(people.bob, document, 1)[0].status_code == 503


@pytest.mark.django_db(transaction=True)
def test_a13_a_file_is_closed_to_who_may_not_read_it(people: People, upload: Upload) -> None:
    document = upload("a.md", b"# A\n\nxyzzy")
    assert file_of(people.mallory, document)[0].status_code == 404
    people.bob.groups.clear()
    assert file_of(people.bob, document)[0].status_code == 404
    assert Client().get(reverse("download_version", args=[document.pk, 1])).status_code == 302


def test_the_history_says_who_and_what_and_an_editor_goes_back(people: People, upload: Upload, sign_in: SignIn) -> None:
    document = upload("a.md", b"# A\n\nOld words.")
    DocumentVersion.objects.update(notes=["3 words that a reader cannot see were left out."])
    upload("a.md", b"# A\n\nNew words.")
    url, alice = reverse("document", args=[document.pk]), sign_in(people.alice)
    old = alice.get(f"{url}?version=1").content.decode()
    assert "3 words that a reader cannot see were left out." in old
    assert 'data-number="2"' in old
    assert "alice" in old
    assert "restore" not in sign_in(people.bob).get(url).content.decode()
    restore = reverse("restore_version", args=[document.pk, 1])
    assert sign_in(people.bob).post(restore).status_code == 403
    assert sign_in(people.mallory).post(restore).status_code == 404
    assert alice.post(restore, headers=HTMX)["HX-Redirect"] == url
    services.process_document(document_id=document.pk)
    page = alice.get(url).content.decode()
    assert "Old words." in page
    assert "brought back from version 1" in page
    assert alice.post(reverse("restore_version", args=[document.pk, 10**30])).status_code == 404


def chunk_of(document: Document) -> Chunk:
    return Chunk.objects.get(version=document.versions.order_by("-number")[0])


def test_an_editor_changes_a_passage_in_place(people: People, upload: Upload, sign_in: SignIn) -> None:
    document = upload("a.md", b"# A\n\nThe pump runs at 4 bar.")
    chunk, alice = chunk_of(document), sign_in(people.alice)
    form = alice.get(reverse("edit_passage", args=[chunk.pk]), headers=HTMX).content.decode()
    assert ">The pump runs at 4 bar.</textarea>" in form
    answer = alice.post(reverse("edit_passage", args=[chunk.pk]), {"text": "It runs at <b>5</b> bar."}, headers=HTMX)
    page = answer.content.decode()
    assert 'id="passage-0"' in page
    assert "It runs at &lt;b&gt;5&lt;/b&gt; bar." in page
    assert "data-said" in page
    form = alice.get(reverse("edit_passage", args=[chunk.pk]), headers=HTMX).content.decode()
    assert "What the file said" in form
    assert "at 4 bar" in form
    for odd in ("", " \n ", "\u200b", "x" * 100_000):
        refused = alice.post(reverse("edit_passage", args=[chunk.pk]), {"text": odd}, headers=HTMX)
        assert refused.status_code == 400
        assert 'data-testid="error"' in refused.content.decode()
    chunk.refresh_from_db()
    assert "5" in chunk.text


def test_a_passage_leaves_search_and_comes_back(people: People, upload: Upload, sign_in: SignIn) -> None:
    document = upload("a.md", b"# A\n\nThe pump runs at 4 bar.")
    chunk, alice, url = chunk_of(document), sign_in(people.alice), reverse("document", args=[document.pk])
    assert "Disabled" in alice.post(reverse("disable_passage", args=[chunk.pk]), headers=HTMX).content.decode()
    page = alice.get(f"{url}?only=disabled").content.decode()
    assert "1 disabled" in page
    assert 'id="passage-0"' in page
    assert 'id="passage-0"' not in alice.get(f"{url}?only=quarantined").content.decode()
    assert (
        'data-testid="passage-disable"'
        in alice.post(reverse("enable_passage", args=[chunk.pk]), headers=HTMX).content.decode()
    )
    back = alice.post(reverse("disable_passage", args=[chunk.pk]))
    assert back["Location"].endswith("?version=1#passage-0")


def test_an_owner_releases_what_an_editor_may_not(people: People, upload: Upload, sign_in: SignIn) -> None:
    document = upload("a.md", b"# A\n\nThe pump runs at 4 bar.")
    Chunk.objects.update(quarantine="It gives orders.")
    chunk, url = chunk_of(document), reverse("document", args=[document.pk])
    assert "It gives orders." in sign_in(people.bob).get(url).content.decode()
    assert "passage-release" not in sign_in(people.alice).get(url).content.decode()
    release = reverse("release_passage", args=[chunk.pk])
    assert sign_in(people.alice).post(release, headers=HTMX).status_code == 403
    ada = sign_in(people.ada)
    assert "passage-release" in ada.get(url).content.decode()
    assert "In quarantine" not in ada.post(release, headers=HTMX).content.decode()
    chunk.refresh_from_db()
    assert chunk.quarantine == ""


def test_readers_and_strangers_change_no_passage(
    people: People, notes: Collection, upload: Upload, sign_in: SignIn
) -> None:
    document = upload("a.md", b"# A\n\nThe pump runs at 4 bar.")
    chunk = chunk_of(document)
    assert (
        'data-testid="passage-edit"'
        not in sign_in(people.bob).get(reverse("document", args=[document.pk])).content.decode()
    )
    for name in ("edit_passage", "disable_passage", "enable_passage", "release_passage"):
        url = reverse(name, args=[chunk.pk])
        assert sign_in(people.bob).post(url, {"text": "Mine."}, headers=HTMX).status_code == 403
        assert sign_in(people.mallory).post(url, {"text": "Mine."}, headers=HTMX).status_code == 404
        assert sign_in(people.alice).post(reverse(name, args=[uuid4()]), headers=HTMX).status_code == 404
    assert sign_in(people.bob).get(reverse("edit_passage", args=[chunk.pk])).status_code == 403
    chunk.refresh_from_db()
    assert (chunk.text, chunk.is_disabled) == ("The pump runs at 4 bar.", False)


def test_old_versions_are_read_only(people: People, upload: Upload, sign_in: SignIn) -> None:
    document = upload("a.md", b"# A\n\nOld words.")
    old = chunk_of(document)
    upload("a.md", b"# A\n\nNew words.")
    alice = sign_in(people.alice)
    page = alice.get(reverse("document", args=[document.pk]) + "?version=1").content.decode()
    assert 'data-testid="passage-edit"' not in page
    assert alice.post(reverse("edit_passage", args=[old.pk]), {"text": "Mine."}, headers=HTMX).status_code == 409
