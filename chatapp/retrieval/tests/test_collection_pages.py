"""The list of collections, the page of one, its settings, and uploads as the page's script sends them."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from chatapp.accounts.models import AuditEvent
from chatapp.retrieval import selectors, services
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS
from chatapp.retrieval.models import Chunk, Collection, Document
from chatapp.retrieval.services import processing
from chatapp.retrieval.tests.conftest import People, Upload
from chatapp.retrieval.tests.test_pages import HTMX, SignIn, sign_in

__all__ = ["sign_in"]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = [1.0] + [0.0] * (EMBEDDING_DIMENSIONS - 1)
    monkeypatch.setattr(processing, "embed_texts", lambda texts, **_: [vector] * len(texts))


def make_collections(people: People, count: int, *, role: str = "reader") -> None:
    for number in range(count):
        services.create_collection(
            user=people.ada, slug=f"c{number:03}", name=f"Collection {number:03}", groups={"sales": role}
        )


def test_two_hundred_collections_cost_as_many_queries_as_ten(
    people: People, notes: Collection, upload: Upload, sign_in: SignIn, django_assert_max_num_queries: Any
) -> None:
    upload("a.md", b"# A\n\nOne.", process=False)
    make_collections(people, 10, role="editor")
    bob = sign_in(people.bob)
    bob.get(reverse("knowledge"))
    with django_assert_max_num_queries(30) as few:
        bob.get(reverse("knowledge"))
    for number in range(10, 200):
        services.create_collection(
            user=people.ada, slug=f"c{number:03}", name=f"Collection {number:03}", groups={"sales": "editor"}
        )
    with django_assert_max_num_queries(len(few.captured_queries)):
        page = bob.get(reverse("knowledge")).content.decode()
    assert page.count('data-testid="collection-row"') == 50
    assert page.count('data-testid="collection"') == 3
    assert "Page 1 of 5" in page
    assert "Collection 199" in bob.get(reverse("knowledge") + "?page=4").content.decode()
    found = bob.get(reverse("knowledge") + "?q=Collection+1&page=2").content.decode()
    assert 'href="?q=Collection+1&amp;page=1">Previous' in found


def test_many_documents_cost_as_many_queries_as_few(
    people: People, notes: Collection, upload: Upload, sign_in: SignIn, django_assert_max_num_queries: Any
) -> None:
    alice, url = sign_in(people.alice), reverse("collection", args=["notes"])
    upload("a.md", b"# A\n\nOne.")
    alice.get(url)
    with django_assert_max_num_queries(20) as few:
        alice.get(url)
    Document.objects.bulk_create(Document(collection=notes, name=f"{n:04}.md", status="failed") for n in range(120))
    with django_assert_max_num_queries(len(few.captured_queries)):
        page = alice.get(url).content.decode()
    assert page.count('data-testid="document-row"') == 50
    assert "Page 1 of 3" in page


def test_a_collection_is_found_by_its_name_among_those_that_may_be_seen(
    people: People, notes: Collection, sign_in: SignIn
) -> None:
    make_collections(people, 5)
    services.create_collection(user=people.ada, slug="hidden", name="Collection of secrets", groups={})
    page = sign_in(people.bob).get(reverse("knowledge"), {"q": "COLLECTION 00"}, headers=HTMX).content.decode()
    assert page.count('data-testid="collection-row"') == 5
    assert "<html" not in page
    nothing = sign_in(people.bob).get(reverse("knowledge"), {"q": "secrets"}).content.decode()
    assert 'data-testid="knowledge-empty"' in nothing
    assert "Collection of secrets" not in nothing
    for odd in ("a\x00b", "x" * 5000, "%' OR 1=1 --", "<script>alert(1)</script>"):
        found = sign_in(people.bob).get(reverse("knowledge"), {"q": odd})
        assert found.status_code == 200
        assert "<script>alert" not in found.content.decode()


def test_numbers_of_a_collection_count_what_is_wrong(people: People, notes: Collection, upload: Upload) -> None:
    upload("a.md", b"# A\n\nOne.")
    upload("b.md", b"# B\n\nTwo.", process=False)
    upload("empty.txt", b"")
    Chunk.objects.update(quarantine="It gives orders.")
    overview = selectors.overview_of(people.bob, notes)
    assert overview
    assert (overview.role, overview.documents, overview.unfinished, overview.failed) == ("reader", 3, 1, 1)
    assert (overview.quarantined, overview.read) == (1, 2)
    upload("a.md", b"# A\n\nAnother.")
    Chunk.objects.filter(text__contains="Another").update(quarantine="")
    overview = selectors.overview_of(people.bob, notes)
    assert overview
    assert overview.quarantined == 0
    assert selectors.overview_of(people.mallory, notes) is None


def test_documents_are_filtered_sorted_and_paged(
    people: People, notes: Collection, upload: Upload, sign_in: SignIn
) -> None:
    upload("guides/pump.md", b"# A\n\nOne.")
    upload("zebra.md", b"# B\n\nTwo.", process=False)
    upload("empty.txt", b"")
    bob, url = sign_in(people.bob), reverse("collection_documents", args=["notes"])

    def names(**query: str) -> list[str]:
        rows = bob.get(url, query, headers=HTMX).content.decode().split('class="document-name"')[1:]
        return [row.partition("</a>")[0].rpartition(">")[2] for row in rows]

    assert names() == ["empty.txt", "zebra.md", "guides/pump.md"]
    assert names(sort="name") == ["empty.txt", "guides/pump.md", "zebra.md"]
    assert names(name="GUIDES/") == ["guides/pump.md"]
    assert names(state="failed") == ["empty.txt"]
    assert names(state="waiting") == ["zebra.md"]
    assert names(state="quarantined") == names(state="disabled") == []
    Chunk.objects.update(quarantine="It gives orders.", is_disabled=True)
    assert names(state="quarantined") == names(state="disabled") == ["guides/pump.md"]
    assert names(page="99") == ["empty.txt", "zebra.md", "guides/pump.md"]
    for odd in (
        {"sort": "password"},
        {"state": "x"},
        {"name": "x" * 201},
        {"name": "\x00"},
        {"sort": "-collection__name"},
    ):
        assert bob.get(url, odd, headers=HTMX).status_code == 400


def post_files(client: Any, slug: str, files: list[tuple[str, bytes]], paths: list[str] | None = None) -> Any:
    data: dict[str, Any] = {"file": [SimpleUploadedFile(name, content) for name, content in files]}
    return client.post(reverse("collection_files", args=[slug]), {**data, **({"path": paths} if paths else {})})


def test_a_folder_keeps_its_paths_and_a_refusal_its_sentence(
    people: People, notes: Collection, sign_in: SignIn
) -> None:
    alice = sign_in(people.alice)
    answer = post_files(
        alice,
        "notes",
        [("a.md", b"# A"), ("a.md", b"# B"), ("virus.exe", b"MZ")],
        ["one/a.md", "two/a.md", "two/virus.exe"],
    )
    assert sorted(Document.objects.values_list("name", flat=True)) == ["one/a.md", "two/a.md"]
    (refused,) = answer.json()["refused"]
    assert refused["name"] == "two/virus.exe"
    assert "virus.exe" in refused["message"]


def test_d01_a_path_leads_nowhere(people: People, notes: Collection, sign_in: SignIn) -> None:
    alice = sign_in(people.alice)
    paths = [
        "../../etc/passwd.md",
        "/etc/cron.d/x.md",
        "C:\\Windows\\y.md",
        "..\\..\\z.md",
        "a/./../b/w.md",
        "x\x00/\u202ev.md",
    ]
    for path in paths:
        assert post_files(alice, "notes", [("n.md", path.encode())], [path]).json() == {"refused": []}
    for document in Document.objects.all():
        parts = document.name.split("/")
        assert ".." not in parts
        assert "." not in parts
        assert not document.name.startswith("/")
        assert not set(document.name) & set("\\\x00\u202e:")
        assert document.versions.get().file.name.startswith("documents/")
    assert Document.objects.count() == len(paths)


def test_odd_uploads_are_refused_whole(people: People, notes: Collection, sign_in: SignIn, settings: Any) -> None:
    alice = sign_in(people.alice)
    assert alice.post(reverse("collection_files", args=["notes"])).status_code == 400
    assert post_files(alice, "notes", [("a.md", b"# A")], ["a.md", "b.md"]).status_code == 400
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    assert post_files(alice, "notes", [(f"{n}.md", b"# A") for n in range(3)]).status_code == 400
    assert post_files(sign_in(people.bob), "notes", [("a.md", b"# A")]).status_code == 403
    assert not Document.objects.exists()


def test_d14_a_full_collection_says_its_limit_and_leaves_others_alone(
    people: People, notes: Collection, sign_in: SignIn, settings: Any
) -> None:
    settings.COLLECTION_MAX_DOCUMENTS = 2
    services.create_collection(user=people.ada, slug="other", name="Other", groups={"engineering": "editor"})
    alice = sign_in(people.alice)
    answer = post_files(alice, "notes", [(f"{n}.md", b"# A %d" % n) for n in range(4)])
    assert [one["name"] for one in answer.json()["refused"]] == ["2.md", "3.md"]
    assert all("holds 2 documents" in one["message"] for one in answer.json()["refused"])
    assert post_files(alice, "other", [("a.md", b"# A")]).json() == {"refused": []}
    assert post_files(alice, "notes", [("0.md", b"# Changed")]).json() == {"refused": []}  # a version is no document


def test_settings_are_for_owners(people: People, notes: Collection, sign_in: SignIn) -> None:
    for name in ("collection_settings", "collection_access", "delete_collection"):
        url = reverse(name, args=["notes"])
        assert sign_in(people.mallory).post(url).status_code == 404
        for user in (people.alice, people.bob):
            assert sign_in(user).post(url).status_code == 403
    assert "/notes/settings/" not in sign_in(people.alice).get(reverse("collection", args=["notes"])).content.decode()
    page = sign_in(people.ada).get(reverse("collection_settings", args=["notes"])).content.decode()
    assert "0 documents with 0 versions" in page
    assert "engineering" in page


def test_an_owner_saves_settings_and_bad_ones_keep_what_was_typed(
    people: People, notes: Collection, sign_in: SignIn
) -> None:
    ada, url = sign_in(people.ada), reverse("collection_settings", args=["notes"])
    good = {"name": "Field notes", "chunk_characters": "900", "chunk_overlap": "90"}
    assert ada.post(url, good)["Location"] == url
    notes.refresh_from_db()
    assert (notes.name, notes.chunk_characters, notes.chunk_overlap) == ("Field notes", 900, 90)
    bad = ada.post(url, {**good, "name": "Kept", "chunk_characters": "many"})
    assert bad.status_code == 400
    assert 'value="Kept"' in bad.content.decode()
    for change in ({"chunk_characters": "5"}, {"chunk_overlap": "800"}, {"chunk_characters": "9" * 30}):
        assert ada.post(url, {**good, **change}).status_code == 400
    notes.refresh_from_db()
    assert notes.chunk_characters == 900


def test_access_from_the_page(people: People, notes: Collection, sign_in: SignIn) -> None:
    ada, url = sign_in(people.ada), reverse("collection_access", args=["notes"])
    sales = people.bob.groups.get().pk
    assert ada.post(url, {f"group-{sales}": "god"}).status_code == 400
    assert selectors.grants_of(notes) == {"engineering": "editor", "sales": "reader"}
    assert ada.post(url, {f"group-{sales}": "owner"})["Location"] == reverse("collection_settings", args=["notes"])
    assert selectors.grants_of(notes) == {"sales": "owner"}
    # Whoever gives up what they owned by a group is led to where they still may be.
    bob = sign_in(people.bob)
    answer = bob.post(url, {f"group-{people.alice.groups.get().pk}": "owner"}, headers=HTMX)
    assert answer["HX-Redirect"] == reverse("knowledge")
    assert bob.get(reverse("collection", args=["notes"])).status_code == 404


def test_a_collection_is_deleted_from_its_page(
    people: People, notes: Collection, upload: Upload, sign_in: SignIn
) -> None:
    document = upload("a.md", b"# A\n\nOne.")
    ada = sign_in(people.ada)
    assert "1 document with 1 version" in ada.get(reverse("collection_settings", args=["notes"])).content.decode()
    assert ada.post(reverse("delete_collection", args=["notes"]), headers=HTMX)["HX-Redirect"] == reverse("knowledge")
    assert "The collection Notes is deleted." in ada.get(reverse("knowledge")).content.decode()
    for user in (people.ada, people.alice):
        assert sign_in(user).get(reverse("document", args=[document.pk])).status_code == 404
        assert sign_in(user).get(reverse("collection", args=["notes"])).status_code == 404
    assert AuditEvent.objects.filter(action="collection.deleted", actor=people.ada).exists()


def test_c04_names_are_only_ever_text(people: People, notes: Collection, sign_in: SignIn) -> None:
    attack = "\"><img src=x onerror=alert(1)>'{{7*7}}"
    services.update_collection(user=people.ada, collection=notes, name=attack)
    post_files(sign_in(people.alice), "notes", [("n.md", b"# A")], [f"{attack}/{attack}.md"])
    ada = sign_in(people.ada)
    document = Document.objects.get()
    for url in (
        reverse("knowledge"),
        reverse("collection", args=["notes"]),
        reverse("collection_settings", args=["notes"]),
        reverse("document", args=[document.pk]),
    ):
        page = ada.get(url).content.decode()
        assert "&lt;img src=x" in page
        assert "<img src=x" not in page
        assert "49" not in page.partition("onerror")[2][:40]
