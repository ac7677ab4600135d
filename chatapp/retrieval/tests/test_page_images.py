"""Pages of PDFs as pictures: drawn in a child process, kept, marked, closed to strangers, gone with the file."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from chatapp.accounts.models import User
from chatapp.retrieval import client as lookups
from chatapp.retrieval import services
from chatapp.retrieval.models import Chunk, Collection, Document, DocumentVersion
from chatapp.retrieval.page_images import FOLDER, PIXELS, WIDTH, image_key
from chatapp.retrieval.page_images.child import draw_file
from chatapp.retrieval.services import page_images
from chatapp.retrieval.tasks import draw_page
from chatapp.retrieval.tests.conftest import People, make_pdf

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n"
ClientOf = Callable[[User], Client]


def drawn(data: bytes, page: int, folder: Path, **limits: float) -> bytes | None:
    path = folder / "upload"
    path.write_bytes(data)
    return draw_file(path, page, **limits)


def size_of(image: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", image[16:24])
    return width, height


@pytest.fixture(autouse=True)
def none_kept() -> None:
    page_images.discard_images("")


@pytest.fixture
def client_of() -> ClientOf:
    def client(user: User) -> Client:
        signed_in = Client(raise_request_exception=False)
        signed_in.force_login(user)
        return signed_in

    return client


@pytest.fixture
def document(notes: Collection) -> Document:
    document = Document.objects.create(collection=notes, name="plan.pdf", status="ready")
    version = DocumentVersion(document=document, number=1, media_type="application/pdf", size=1, pages=2, sha256="x")
    version.file.save("plan.pdf", ContentFile(make_pdf("One\nFirst page.", "Two\nSecond page.")))
    over_the_end = [[1, 1000, 1000, 5000, 1200, 9], [2, 900, 500, 4000, 700, 4]]
    for ordinal, page, boxes in [(0, 1, over_the_end), (1, 2, [[2, 900, 800, 4000, 950, 9]])]:
        text = f"Words of passage {ordinal}."
        Chunk.objects.create(version=version, collection=notes, ordinal=ordinal, page=page, text=text, boxes=boxes)
    document.current = version
    document.save()
    return document


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's task, in this process."""
    monkeypatch.setattr(lookups, "wait_for", lambda send: send())
    monkeypatch.setattr(draw_page, "delay", draw_page.__call__)


def kept() -> list[str]:
    return page_images._list_images()


def address(document: Document, page: object = 1, *, number: object = 1) -> str:
    return f"/knowledge/documents/{document.pk}/versions/{number}/pages/{page}/"


def test_a_page_becomes_a_picture(tmp_path: Path) -> None:
    image = drawn(make_pdf("One\nWords.", "Two\nMore words."), 2, tmp_path)
    assert image is not None
    assert image.startswith(PNG)
    assert size_of(image)[0] in {WIDTH - 1, WIDTH, WIDTH + 1}


@pytest.mark.parametrize("page", [0, 3])
def test_a_page_that_is_not_there_is_none(page: int, tmp_path: Path) -> None:
    assert drawn(make_pdf("One\nWords."), page, tmp_path) is None


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\nbroken", b"\x00" * 5000])
def test_what_is_no_pdf_is_not_drawn(data: bytes, tmp_path: Path) -> None:
    assert drawn(data, 1, tmp_path) is None


def test_a_huge_page_costs_no_more_than_another(tmp_path: Path) -> None:
    import fpdf

    pdf = fpdf.FPDF(format=(20, 5000))
    pdf.add_page()
    image = drawn(bytes(pdf.output()), 1, tmp_path)
    assert image is not None
    width, height = size_of(image)
    assert width * height <= PIXELS * 1.02


def test_drawing_has_an_end(tmp_path: Path) -> None:
    assert drawn(make_pdf("One\nWords."), 1, tmp_path, wall_seconds=0.01) is None


@pytest.mark.usefixtures("at_once")
def test_a_reader_gets_the_picture_and_it_is_drawn_once(
    people: People, document: Document, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = client_of(people.bob).get(f"{address(document)}image/")
    assert response.content.startswith(PNG)
    assert (response["Content-Type"], response["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert response["Cache-Control"] == "private, max-age=600"
    monkeypatch.setattr(draw_page, "delay", None)
    assert client_of(people.alice).get(f"{address(document)}image/").content == response.content


@pytest.mark.usefixtures("at_once")
def test_a13_strangers_get_neither_page_nor_picture(people: People, document: Document, client_of: ClientOf) -> None:
    for path in (address(document), f"{address(document)}image/"):
        assert Client().get(path).status_code == 302
        assert client_of(people.bob).get(path).status_code == 200
        assert client_of(people.mallory).get(path).status_code == 404
        assert client_of(people.bob).post(path).status_code == 405
    people.bob.groups.clear()
    assert client_of(people.bob).get(f"{address(document)}image/").status_code == 404


@pytest.mark.parametrize("page,number", [(0, 1), (3, 1), (10**20, 1), (1, 2), (1, 10**20)])
def test_what_is_not_there_is_not_found(
    page: int, number: int, people: People, document: Document, client_of: ClientOf
) -> None:
    path = address(document, page, number=number)
    assert [client_of(people.bob).get(at).status_code for at in (path, f"{path}image/")] == [404, 404]


def test_other_formats_have_no_pages(people: People, document: Document, client_of: ClientOf) -> None:
    DocumentVersion.objects.update(media_type="text/markdown")
    assert client_of(people.bob).get(address(document)).status_code == 404
    assert not services.draw_page(version_id=document.versions.get().pk, page=1)


@pytest.mark.usefixtures("at_once")
def test_a_page_that_cannot_be_drawn_says_so(people: People, document: Document, client_of: ClientOf) -> None:
    default_storage.delete(str(document.versions.get().file.name))
    response = client_of(people.bob).get(f"{address(document)}image/")
    assert response.status_code == 422
    assert "This page cannot be drawn" in response.content.decode()
    assert not kept()


def test_the_page_marks_the_passage_and_has_its_text(people: People, document: Document, client_of: ClientOf) -> None:
    client = client_of(people.bob)
    html = client.get(f"{address(document)}?passage=0").content.decode()
    assert html.partition("page-marks")[2].count("<rect") == 1
    assert '<rect x="1000" y="1000" width="4000" height="200"/>' in html
    assert "Words of passage 0." in html
    assert "Words of passage 1." not in html
    assert f"{address(document, 2)}?passage=0" in html
    behind = client.get(f"{address(document, 2)}?passage=0").content.decode()
    assert '<rect x="900" y="500" width="3100" height="200"/>' in behind
    assert "Words of passage 0." in behind
    assert "Words of passage 1." in behind
    assert 'rel="next"' not in behind
    assert "page-marks" not in client.get(f"{address(document)}?passage=7").content.decode()
    assert client.get(f"{address(document)}?passage=x").status_code == 404


def test_the_text_leads_to_the_page(people: People, document: Document, client_of: ClientOf) -> None:
    html = client_of(people.bob).get(f"/knowledge/documents/{document.pk}/?version=1").content.decode()
    assert f'href="{address(document)}?passage=0"' in html


def test_pictures_go_with_the_file(people: People, document: Document, django_capture_on_commit_callbacks: Any) -> None:
    version = document.versions.get()
    assert services.draw_page(version_id=version.pk, page=1)
    assert services.draw_page(version_id=version.pk, page=2)
    assert len(kept()) == 2
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_document(user=people.alice, document=document)
    assert kept() == []
    assert not services.draw_page(version_id=version.pk, page=1)


def test_a_picture_of_what_was_deleted_meanwhile_does_not_stay(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deleted_meanwhile(*_: object) -> bytes:
        Document.objects.filter(pk=document.pk).update(current=None)
        DocumentVersion.objects.all().delete()
        return PNG

    monkeypatch.setattr(page_images, "_draw", deleted_meanwhile)
    assert not services.draw_page(version_id=document.versions.get().pk, page=1)
    assert kept() == []


def test_no_more_than_so_many_are_kept(document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_images, "KEPT", 2)
    monkeypatch.setattr(page_images, "_draw", lambda *_: PNG)
    for name in ("a-1.png", "b-1.png"):
        default_storage.save(f"{FOLDER}/{name}", ContentFile(PNG))
    version = document.versions.get()
    assert services.draw_page(version_id=version.pk, page=1)
    assert [f"{FOLDER}/{name}" for name in kept()] == [image_key(str(version.file.name), 1)]
