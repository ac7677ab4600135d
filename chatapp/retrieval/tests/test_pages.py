"""The knowledge pages through real requests: what each person sees, and that strangers see nothing."""

from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.retrieval import selectors, services
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS, EmbeddingError
from chatapp.retrieval.models import Chunk, Collection, Document
from chatapp.retrieval.rendering import TextBlock, text_blocks
from chatapp.retrieval.services import processing
from chatapp.retrieval.tests.conftest import People, Upload
from chatapp.retrieval.urls import urlpatterns

HTMX = {"HX-Request": "true"}
GUIDE = (
    b"# Guide\n\nThe pump runs at 4 bar.\n\n| Part | Price |\n|---|---|\n| Seal | 12 |\n\n<script>alert(1)</script>\n"
)

SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def quick_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = [1.0] + [0.0] * (EMBEDDING_DIMENSIONS - 1)
    monkeypatch.setattr(processing, "embed_texts", lambda texts, **_: [vector] * len(texts))


@pytest.fixture
def sign_in() -> SignIn:
    def run(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return run


def send(client: Client, slug: str, *files: tuple[str, bytes], **headers: str) -> HttpResponse:
    data = {"file": [SimpleUploadedFile(name, data) for name, data in files]}
    url = reverse("collection_documents", args=[slug])
    return cast("HttpResponse", client.post(url, data, headers={**HTMX, **headers}))


def test_an_editor_can_upload_and_a_reader_cannot(people: People, notes: Collection, sign_in: SignIn) -> None:
    for user, testid in ((people.alice, True), (people.bob, False)):
        page = sign_in(user).get(reverse("knowledge")).content.decode()
        assert "Notes" in page
        assert ('data-testid="upload"' in page) is testid
    assert send(sign_in(people.bob), "notes", ("a.txt", b"x")).status_code == 403
    assert not Document.objects.exists()


def test_someone_without_collections_reads_why(people: People, notes: Collection, sign_in: SignIn) -> None:
    page = sign_in(people.mallory).get(reverse("knowledge")).content.decode()
    assert 'data-testid="knowledge-empty"' in page
    assert "Notes" not in page


def test_many_files_are_taken_each_for_itself(people: People, notes: Collection, sign_in: SignIn) -> None:
    answer = send(sign_in(people.alice), "notes", ("a.txt", b"One."), ("bad.exe", b"MZ"), ("b.md", b"# Two\n\nText."))
    page = answer.content.decode()
    assert sorted(Document.objects.values_list("name", flat=True)) == ["a.txt", "b.md"]
    assert page.count('data-testid="document-row"') == 2
    assert page.count('data-testid="refused"') == 1
    assert "bad.exe" in page.partition('data-testid="refused"')[2]
    assert "every 2s" in page


def test_the_list_asks_again_only_while_something_is_read(
    people: People, notes: Collection, upload: Upload, sign_in: SignIn
) -> None:
    client, url = sign_in(people.bob), reverse("collection_documents", args=["notes"])
    upload("a.md", GUIDE)
    page = client.get(url, headers=HTMX).content.decode()
    assert 'data-status="ready"' in page
    assert "every 2s" not in page
    upload("empty.txt", b"")
    page = client.get(url, headers=HTMX).content.decode()
    assert 'data-status="failed"' in page
    assert "The file is empty." in page


def test_waiting_for_the_embedder_is_said(
    people: People, upload: Upload, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> Any:
        raise EmbeddingError

    monkeypatch.setattr(processing, "embed_texts", down)
    upload("a.md", GUIDE)
    assert "not available now" in sign_in(people.bob).get(reverse("knowledge")).content.decode()


def test_the_document_page_shows_escaped_text_tables_and_anchors(
    people: People, upload: Upload, sign_in: SignIn
) -> None:
    document = upload("guide.md", GUIDE)
    page = sign_in(people.bob).get(reverse("document", args=[document.pk])).content.decode()
    assert 'id="passage-0"' in page
    assert '<th scope="col">Part</th>' in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_an_old_citation_opens_the_version_that_it_cited(people: People, upload: Upload, sign_in: SignIn) -> None:
    document = upload("a.md", b"# A\n\nOld words.")
    upload("a.md", b"# A\n\nNew words.")
    url = selectors.passage_url(document_id=document.pk, version=1, ordinal=0)
    page = sign_in(people.bob).get(url).content.decode()
    assert "Old words." in page
    assert "not the version that answers use now" in page


def test_a_long_document_comes_in_parts(people: People, upload: Upload, sign_in: SignIn) -> None:
    document = upload("long.md", b"\n\n".join(b"# Part %d\n\nText %d." % (n, n) for n in range(510)))
    client = sign_in(people.bob)
    assert "from=500" in client.get(reverse("document", args=[document.pk])).content.decode()
    page = client.get(selectors.passage_url(document_id=document.pk, version=1, ordinal=505)).content.decode()
    assert 'id="passage-505"' in page
    assert 'id="passage-0"' not in page


@pytest.mark.parametrize("query", ["version=9", "version=x", "version=-1", "version=99999999999", "from=x"])
def test_odd_numbers_are_not_found(people: People, upload: Upload, sign_in: SignIn, query: str) -> None:
    url = reverse("document", args=[upload("a.md", GUIDE).pk])
    assert sign_in(people.bob).get(f"{url}?{query}").status_code == 404


def test_deleting_and_retrying_from_the_page(people: People, upload: Upload, sign_in: SignIn) -> None:
    document = upload("empty.txt", b"")
    alice, bob = sign_in(people.alice), sign_in(people.bob)
    for name in ("retry_document", "delete_document"):
        assert bob.post(reverse(name, args=[document.pk]), headers=HTMX).status_code == 403
    page = alice.post(reverse("retry_document", args=[document.pk]), headers=HTMX).content.decode()
    assert 'data-status="waiting"' in page
    assert alice.post(reverse("delete_document", args=[document.pk])).status_code == 302
    assert not Document.objects.exists()


def test_creating_a_collection(people: People, sign_in: SignIn) -> None:
    group = people.alice.groups.get()
    data = {"name": "Service", "slug": "service", f"group-{group.pk}": "reader"}
    assert sign_in(people.alice).post(reverse("create_collection"), data).status_code == 403
    ada = sign_in(people.ada)
    assert ada.post(reverse("create_collection"), {**data, "slug": ""}).status_code == 400
    assert ada.post(reverse("create_collection"), {**data, f"group-{group.pk}": "god"}).status_code == 400
    assert ada.post(reverse("create_collection"), data)["Location"] == reverse("collection", args=["service"])
    assert selectors.role_of(people.alice, Collection.objects.get()) == "reader"


def test_a13_no_url_gives_a_stranger_more_than_one_that_never_existed(
    people: People, notes: Collection, upload: Upload, sign_in: SignIn
) -> None:
    """Walks every URL of this app: a new one that forgets the rights fails here."""
    document, mallory = upload("secret.md", b"# Secret\n\nxyzzy"), sign_in(people.mallory)
    known = {"document_id": document.pk, "slug": "notes", "number": 1, "chunk_id": Chunk.objects.get().pk}
    unknown = {"document_id": uuid4(), "slug": "never", "number": 1, "chunk_id": uuid4()}
    walked = 0
    for pattern in urlpatterns:
        names = list(pattern.pattern.converters)
        if set(names) - set(known):
            continue  # below a collection; the tests of that part try its ids
        for method in (mallory.get, mallory.post):
            mine = method(reverse(str(pattern.name), kwargs={name: known[name] for name in names}))
            assert "xyzzy" not in mine.content.decode()
            assert "secret.md" not in mine.content.decode()
            if names:
                never = method(reverse(str(pattern.name), kwargs={name: unknown[name] for name in names}))
                assert mine.status_code == never.status_code in {404, 405}
                walked += mine.status_code == 404
    assert walked >= 11
    assert Document.objects.filter(pk=document.pk, status="ready").exists()


def test_every_page_asks_to_sign_in(people: People, upload: Upload) -> None:
    known = {"document_id": upload("a.md", GUIDE).pk, "slug": "notes", "number": 1, "page": 1}
    for pattern in urlpatterns:
        kwargs = {name: known.get(name) or uuid4() for name in pattern.pattern.converters}
        url = reverse(str(pattern.name), kwargs=kwargs)
        for method in (Client().get, Client().post):
            assert method(url).status_code in {302, 405}


def test_a19_a_removed_group_closes_document_and_list(people: People, upload: Upload, sign_in: SignIn) -> None:
    document, bob = upload("a.md", GUIDE), sign_in(people.bob)
    url = reverse("document", args=[document.pk])
    assert bob.get(url).status_code == 200
    people.bob.groups.clear()
    assert bob.get(url).status_code == 404
    assert not services.sweep_documents()


def test_tables_are_told_from_text() -> None:
    text = "Intro | not a table\n\n| a | b |\n| --- | --- |\n| 1 \\| 2 | 3 |\nAfter\n| alone |"
    assert text_blocks(text) == [
        TextBlock(text="Intro | not a table"),
        TextBlock(rows=[["a", "b"], ["1 | 2", "3"]]),
        TextBlock(text="After\n| alone |"),
    ]
