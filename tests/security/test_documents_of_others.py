"""A09 to A16: another person's collections and documents, by every way that leads to them."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
from chatapp.api.resources import search
from chatapp.api.tests.test_every_route import ROUTES as API_ROUTES
from chatapp.conversations.models import Conversation, Generation, Message, Source
from chatapp.inference.models import ModelVersion, Provider, Route
from chatapp.retrieval import services
from chatapp.retrieval.embedding import EMBEDDING_DIMENSIONS
from chatapp.retrieval.models import Chunk, Collection, Document, DocumentVersion
from chatapp.retrieval.services import processing
from tests.architecture.test_access import ROUTES as PAGE_ROUTES

pytestmark = pytest.mark.django_db
CANARY = "zanzibar-77"
ASKED: dict[str, Any] = {"model": "scripted", "messages": [{"role": "user", "content": "x"}]}
# Ways that hand out what a document says, or act on it: each is walked below.
PAGES = {
    "knowledge/collections/<slug:slug>/",
    "knowledge/collections/<slug:slug>/access/",
    "knowledge/collections/<slug:slug>/connectors/",
    "knowledge/collections/<slug:slug>/connectors/new/<slug:kind>/",
    "knowledge/collections/<slug:slug>/delete/",
    "knowledge/collections/<slug:slug>/documents/",
    "knowledge/collections/<slug:slug>/evaluation/",
    "knowledge/collections/<slug:slug>/evaluation/add/",
    "knowledge/collections/<slug:slug>/evaluation/compare/",
    "knowledge/collections/<slug:slug>/evaluation/export/",
    "knowledge/collections/<slug:slug>/evaluation/import/",
    "knowledge/collections/<slug:slug>/evaluation/run/",
    "knowledge/collections/<slug:slug>/files/",
    "knowledge/collections/<slug:slug>/reprocess/",
    "knowledge/collections/<slug:slug>/retry/",
    "knowledge/collections/<slug:slug>/settings/",
    "knowledge/documents/<uuid:document_id>/",
    "knowledge/documents/<uuid:document_id>/retry/",
    "knowledge/documents/<uuid:document_id>/delete/",
    "knowledge/documents/<uuid:document_id>/versions/<int:number>/file/",
    "knowledge/documents/<uuid:document_id>/versions/<int:number>/pages/<int:page>/",
    "knowledge/documents/<uuid:document_id>/versions/<int:number>/pages/<int:page>/image/",
    "knowledge/documents/<uuid:document_id>/versions/<int:number>/restore/",
    "knowledge/passages/<uuid:chunk_id>/",
    "knowledge/passages/<uuid:chunk_id>/edit/",
    "knowledge/passages/<uuid:chunk_id>/disable/",
    "knowledge/passages/<uuid:chunk_id>/enable/",
    "knowledge/passages/<uuid:chunk_id>/release/",
}
OPERATIONS = {
    ("DELETE", "/api/v1/collections/{slug}"),
    ("GET", "/api/v1/collections/{slug}"),
    ("PATCH", "/api/v1/collections/{slug}"),
    ("GET", "/api/v1/documents/{document_id}/versions"),
    ("POST", "/api/v1/documents/{document_id}/versions/{number}/restore"),
    ("GET", "/api/v1/documents/{document_id}"),
    ("DELETE", "/api/v1/documents/{document_id}"),
    ("POST", "/api/v1/documents/{document_id}/retry"),
}
BY_BODY_OR_QUERY = {
    ("GET", "/api/v1/connectors"),
    ("GET", "/api/v1/documents"),
    ("POST", "/api/v1/documents"),
    ("GET", "/api/v1/evaluations"),
    ("POST", "/api/v1/evaluations"),
    ("POST", "/api/v1/search"),
    ("POST", "/v1/chat/completions"),
}
ApiOf = Callable[[User], Client]


@pytest.fixture(autouse=True)
def quick_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = [1.0] + [0.0] * (EMBEDDING_DIMENSIONS - 1)
    monkeypatch.setattr(processing, "embed_texts", lambda texts, **_: [vector] * len(texts))
    monkeypatch.setattr(search, "close_old_connections", lambda: None)  # the test's own transaction is in it


@pytest.fixture
def secret(alice: User, ada: User) -> Document:
    """In a collection of alice's group, which mallory is not in."""
    collection = services.create_collection(user=ada, slug="secrets", name="Secrets", groups={"engineering": "editor"})
    document = services.upload_document(
        user=alice, collection=collection, name=f"{CANARY}.md", data=CANARY.encode(), media_type="text/markdown"
    )
    services.process_document(document_id=document.pk)
    return document


@pytest.fixture
def api() -> ApiOf:
    def client_of(user: User) -> Client:
        _, raw = create_api_key(user=user)
        return Client(headers={"Authorization": f"Bearer {raw}"}, raise_request_exception=False)

    return client_of


@pytest.fixture
def scripted(settings: Any) -> ModelVersion:
    settings.SCRIPTED_MODEL = True
    version = ModelVersion.objects.create(
        name="scripted", provider=Provider.SCRIPTED, context_tokens=4096, state="evaluated"
    )
    Route.objects.create(name=Route.DEFAULT, version=version)
    return version


def state() -> list[Any]:
    tables = (Collection, Document, DocumentVersion, Chunk, Conversation, Message, Generation, Source)
    status = list(Document.objects.values_list("status", "attempts", "current"))
    return [*(table.objects.count() for table in tables), status]


def same_as_unknown(send: Callable[[UUID | str], Any], known: UUID | str, unknown: UUID | str) -> None:
    mine, never = send(known), send(unknown)
    assert (mine.status_code, mine.content) == (never.status_code, never.content)
    assert mine.status_code == 404
    assert CANARY not in mine.content.decode()


def ways_by_address(document: Document) -> Iterator[tuple[str, str, UUID | str, UUID | str]]:
    passage = Chunk.objects.get(version__document=document)
    for route in sorted(PAGES):
        known, unknown = (document.collection.slug, "never") if "slug" in route else (document.pk, uuid4())
        known = passage.pk if "chunk_id" in route else known
        template = "/" + re.sub(r"<(?:slug:slug|uuid:document_id|uuid:chunk_id)>", "{}", route)
        template = template.replace("<int:number>", "1").replace("<int:page>", "1").replace("<slug:kind>", "folder")
        for method in ("GET", "POST"):
            yield method, template, known, unknown
    for method, route in sorted(OPERATIONS):
        template = route.replace("{document_id}", "{}").replace("{slug}", "{}").replace("{number}", "1")
        yield method, template, *((document.collection.slug, "never") if "{slug}" in route else (document.pk, uuid4()))


def test_a13_every_way_to_a_document_is_walked() -> None:
    """A new address that names a document or a collection has to be added above, and so is tried below."""
    named = {route for route in PAGE_ROUTES if re.search("document_id|chunk_id|collections/<", route)}
    assert {route for route in named if not route.startswith("api/")} == PAGES
    assert {route for route in API_ROUTES if re.search("documents/.*{|collections/{", route[1])} == OPERATIONS
    assert set(API_ROUTES) >= BY_BODY_OR_QUERY


def test_a13_a14_an_address_tells_mallory_nothing_and_does_nothing(secret: Document, mallory: User, api: ApiOf) -> None:
    before, page, key = state(), Client(), api(mallory)
    page.force_login(mallory, backend="django.contrib.auth.backends.ModelBackend")
    for method, template, known, unknown in ways_by_address(secret):
        client = key if template.startswith("/api/") else page
        if client.generic(method, template.format(unknown)).status_code == 405:
            assert client.generic(method, template.format(known)).status_code == 405
            continue
        for headers in ({}, {"HX-Request": "true"}):
            body = b"{}" if method == "PATCH" else b""
            send = lambda it, m=method, c=client, t=template, h=headers, b=body: c.generic(  # noqa: E731
                m, t.format(it), b, content_type="application/json", headers=h
            )
            if headers or client is key:
                same_as_unknown(send, known, unknown)
            else:  # a whole page holds a token of its own
                assert send(known).status_code == send(unknown).status_code == 404
                assert CANARY not in send(known).content.decode()
    assert state() == before


@pytest.mark.django_db(transaction=True)  # chat asks the database in threads of its own
@pytest.mark.parametrize(
    "path,body",
    [
        ("/api/v1/search", {"query": CANARY, "collections": ["{}"], "k": 3}),
        ("/v1/chat/completions", {**ASKED, "chatapp": {"collections": ["{}"]}}),
    ],
    ids=["search", "chat"],
)
def test_a09_a12_a14_a_body_that_names_a_foreign_collection_is_refused_whole(
    path: str, body: dict[str, Any], secret: Document, mallory: User, api: ApiOf, scripted: ModelVersion
) -> None:
    before, client = state(), api(mallory)

    def send(slug: UUID | str) -> Any:
        return client.post(path, _filled(body, str(slug)), content_type="application/json")

    same_as_unknown(send, "secrets", "never")
    assert state() == before


def _filled(body: dict[str, Any], slug: str) -> dict[str, Any]:
    filled = {key: _filled(value, slug) if isinstance(value, dict) else value for key, value in body.items()}
    return {key: [slug] if value == ["{}"] else value for key, value in filled.items()}


def test_a12_an_upload_into_a_foreign_collection_is_refused(secret: Document, mallory: User, api: ApiOf) -> None:
    before, client = state(), api(mallory)

    def send(slug: UUID | str) -> Any:
        return client.post("/api/v1/documents", {"collection": slug, "file": SimpleUploadedFile("a.txt", b"x")})

    same_as_unknown(send, "secrets", "never")
    same_as_unknown(lambda slug: client.get(f"/api/v1/documents?collection={slug}"), "secrets", "never")
    assert state() == before


@pytest.mark.parametrize("field", ["file_ids", "attachments", "files", "documents", "assistant", "folder"])
def test_a09_a_message_takes_no_files_by_id(
    field: str, secret: Document, mallory: User, api: ApiOf, scripted: ModelVersion
) -> None:
    body = {**ASKED, field: [str(secret.pk)]}
    assert api(mallory).post("/v1/chat/completions", body, content_type="application/json").status_code == 400
    body = {**ASKED, "chatapp": {field: [str(secret.pk)]}}
    assert api(mallory).post("/v1/chat/completions", body, content_type="application/json").status_code == 400
    assert not Generation.objects.exists()


def test_a16_lists_and_counts_do_not_differ_by_what_mallory_may_not_see(
    secret: Document, mallory: User, alice: User, api: ApiOf
) -> None:
    client, page = api(mallory), Client()
    page.force_login(mallory, backend="django.contrib.auth.backends.ModelBackend")
    addresses = ("/api/v1/collections", "/api/v1/documents", "/knowledge/", "/")
    seen = {it: (client if it.startswith("/api/") else page).get(it).content.decode() for it in addresses}
    assert not any(word in text for text in seen.values() for word in (CANARY, "secrets", "Secrets"))
    assert CANARY in api(alice).get("/api/v1/documents").content.decode()
    services.delete_document(user=alice, document=secret)
    Collection.objects.all().delete()
    for address in addresses[:2]:
        assert client.get(address).content.decode() == seen[address]


def test_a11_a_reader_cannot_delete_what_he_reads(secret: Document, bob: User, api: ApiOf) -> None:
    secret.collection.access.create(group=bob.groups.get(name="sales"), role="reader")
    before = state()
    assert api(bob).get(f"/api/v1/documents/{secret.pk}").status_code == 200
    for method, path in (("DELETE", ""), ("POST", "/retry"), ("PUT", ""), ("PATCH", "")):
        assert api(bob).generic(method, f"/api/v1/documents/{secret.pk}{path}").status_code in {403, 405}
    version = secret.versions.get()
    with version.file.open("rb") as stored:
        assert stored.read() == CANARY.encode()
    assert state() == before
