"""Who may connect, change and sync; what pages show; A18 (where documents come from is changed by owners only)."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from chatapp.accounts.models import AuditEvent, Role, User
from chatapp.errors import ChatappError
from chatapp.retrieval import services
from chatapp.retrieval.models import Collection, Connector, SyncedItem
from chatapp.retrieval.tests.conftest import People
from chatapp.retrieval.tests.connecting import connect, names, sync

pytestmark = pytest.mark.django_db
BY_ID = ("connector", "change_connector", "sync_connector", "cancel_sync", "pause_connector", "delete_connector")
# Differs in every answer.
TOKEN = re.compile(rb'csrfmiddlewaretoken" value="\w+|X-CSRFToken[^}]+')
READ = {"connector", "change_connector"}
BUCKET = {"endpoint": "https://s3.example", "bucket": "manuals", "access_key": "key"}


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def shared(settings: Any, tmp_path: Path) -> Path:
    settings.CONNECTOR_FOLDERS = [tmp_path]
    (tmp_path / "a.md").write_text("# A")
    (tmp_path / "b.md").write_text("# B")
    return tmp_path


@pytest.fixture
def wiki(people: People, notes: Collection, shared: Path) -> Connector:
    return connect(people.ada, notes, "folder", path=str(shared))


def ask(client: Client, page: str, connector_id: object, /, **data: str) -> Any:
    url = reverse(page, args=[connector_id])
    return client.get(url) if page in READ and not data else client.post(url, data)


@pytest.mark.parametrize("name", BY_ID)
def test_a18_who_owns_nothing_finds_no_connector(people: People, wiki: Connector, name: str) -> None:
    """Editors and readers of the collection and strangers: the same as for an id that never existed."""
    for user in (people.alice, people.bob, people.mallory):
        refused, unknown = ask(client_of(user), name, wiki.pk), ask(client_of(user), name, uuid4())
        assert refused.status_code == unknown.status_code == 404
        assert TOKEN.sub(b"", refused.content) == TOKEN.sub(b"", unknown.content)
    wiki.refresh_from_db()
    assert (wiki.is_paused, wiki.deleted_at, wiki.runs.count()) == (False, None, 1)


@pytest.mark.parametrize("path", ["connectors/", "connectors/new/folder/"])
def test_pages_of_a_collection_are_for_its_owners(
    people: People, notes: Collection, wiki: Connector, path: str
) -> None:
    url = reverse("collection", args=["notes"]) + path
    found = [client_of(user).get(url).status_code for user in (people.ada, people.alice, people.bob, people.mallory)]
    assert found == [200, 403, 403, 404]


def test_an_owner_without_the_permission_syncs_but_changes_nothing(
    people: People, notes: Collection, wiki: Connector
) -> None:
    services.set_access(user=people.ada, collection=notes, groups={"engineering": "owner", "sales": "reader"})
    client = client_of(people.alice)
    assert client.get(reverse("connectors", args=["notes"])).status_code == 200
    assert ask(client, "cancel_sync", wiki.pk).status_code == 302
    assert ask(client, "sync_connector", wiki.pk).status_code == 302
    assert wiki.runs.count() == 2
    assert ask(client, "delete_connector", wiki.pk).status_code == 403
    assert ask(client, "change_connector", wiki.pk).status_code == 403
    assert ask(client, "change_connector", wiki.pk, name="x", path="/").status_code == 403
    assert client.post(reverse("new_connector", args=["notes", "web"]), {"name": "x"}).status_code == 403
    people.alice.roles = [Role.EMPLOYEE, Role.KNOWLEDGE_EDITOR]
    people.alice.save()
    assert ask(client, "change_connector", wiki.pk).status_code == 200


def test_one_is_made_synced_and_deleted_on_the_pages(people: People, notes: Collection, shared: Path) -> None:
    client = client_of(people.ada)
    assert b"Nothing is connected yet" in client.get(reverse("connectors", args=["notes"])).content
    made = client.post(
        reverse("new_connector", args=["notes", "folder"]),
        {"name": " Team\u200b wiki ", "path": str(shared), "include": "a*, *.txt", "every_minutes": "60"},
    )
    wiki = Connector.objects.get()
    assert made.status_code == 302
    assert (wiki.name, wiki.every_minutes, wiki.config["include"]) == ("Team wiki", 60, ["a*", "*.txt"])
    waiting = client.get(reverse("connector", args=[wiki.pk])).content.decode()
    assert 'hx-trigger="every 2s"' in waiting
    assert "Waiting for a worker" in waiting
    sync(wiki)
    done = client.get(reverse("connector", args=[wiki.pk]), headers={"HX-Request": "true"}).content.decode()
    assert 'data-status="complete"' in done
    assert "hx-trigger" not in done
    assert "<html" not in done
    assert names(notes) == {"a.md"}
    assert b"Team wiki" in client.get(reverse("connectors", args=["notes"])).content
    ask(client, "delete_connector", wiki.pk, documents="remove")
    assert ask(client, "connector", wiki.pk).status_code == 404
    services.purge_connectors(until=float("inf"))
    assert (Connector.objects.count(), names(notes)) == (0, set())


@pytest.mark.parametrize(
    "sent",
    [
        *({}, {"name": "x"}, {"name": "x", "path": "/etc"}, {"name": "\u200b", "path": "{shared}"}),
        *({"name": "x", "path": "{shared}", "every_minutes": "1"}, {"name": "x" * 200, "path": "{shared}"}),
        *({"name": "x", "path": "a\nb"}, {"name": "x", "path": "{shared}", "include": "*" * 20}, {"name": "\x00"}),
    ],
)
def test_bad_input_is_told_and_what_was_typed_stays(
    people: People, notes: Collection, shared: Path, sent: dict[str, str]
) -> None:
    sent = {name: value.format(shared=shared) for name, value in sent.items()}
    answer = client_of(people.ada).post(reverse("new_connector", args=["notes", "folder"]), sent)
    assert answer.status_code == 400
    assert Connector.objects.count() == 0
    assert b"errorlist" in answer.content or b"notice-danger" in answer.content


@pytest.mark.parametrize("kind", ["ftp", "__class__", "FOLDER"])
def test_a_kind_that_is_not_offered_is_not_found(people: People, notes: Collection, kind: str) -> None:
    assert client_of(people.ada).get(f"/knowledge/collections/notes/connectors/new/{kind}/").status_code == 404


def test_every_kind_has_its_form(people: People, notes: Collection) -> None:
    for kind in ("folder", "git", "s3", "web"):
        page = client_of(people.ada).get(reverse("new_connector", args=["notes", kind])).content.decode()
        assert page.count('name="name"') == 1
        assert 'name="every_minutes"' in page


def test_failed_items_are_shown_with_their_reason_and_escaped(people: People, wiki: Connector, shared: Path) -> None:
    (shared / "<b>x.pdf").write_text("no pdf")
    sync(wiki)
    page = ask(client_of(people.ada), "connector", wiki.pk).content.decode()
    assert "&lt;b&gt;x.pdf is not a file that can be read here" in page
    assert "Try the failed ones again (1)" in page


def test_a_sync_that_asks_is_answered_on_the_page(
    people: People, notes: Collection, wiki: Connector, shared: Path
) -> None:
    sync(wiki)
    for path in shared.iterdir():
        path.unlink()
    sync(wiki, people.ada)
    client = client_of(people.ada)
    assert b"2 of 2 documents are gone from the source" in ask(client, "connector", wiki.pk).content
    ask(client, "sync_connector", wiki.pk, mode="remove")
    sync(wiki)
    assert names(notes) == set()


def test_a_secret_is_stored_encrypted_and_never_shown(people: People, notes: Collection) -> None:
    bucket = connect(people.ada, notes, "s3", secret="top-secret-1", **BUCKET)
    client = client_of(people.ada)
    shown = [ask(client, name, bucket.pk).content for name in ("connector", "change_connector")]
    assert all(b"top-secret-1" not in page for page in shown)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM retrieval_connector")
        assert "top-secret-1" not in str(cursor.fetchall())
    assert "top-secret-1" not in str(list(AuditEvent.objects.values("detail", "before", "after")))


def test_a_secret_goes_to_no_other_address_than_it_was_given_for(people: People, notes: Collection) -> None:
    """Another owner must not get it sent to a server of theirs."""
    bucket = connect(people.ada, notes, "s3", secret="top-secret-1", **BUCKET)
    client = client_of(people.ada)
    ask(client, "change_connector", bucket.pk, name="Renamed", **BUCKET)
    bucket.refresh_from_db()
    assert (bucket.name, bucket.secret) == ("Renamed", "top-secret-1")
    ask(client, "change_connector", bucket.pk, name="Renamed", **{**BUCKET, "endpoint": "https://evil.example"})
    bucket.refresh_from_db()
    assert (bucket.config["endpoint"], bucket.secret) == ("https://evil.example", "")
    ask(client, "change_connector", bucket.pk, name="Renamed", secret="new", **BUCKET)
    ask(client, "change_connector", bucket.pk, name="Renamed", forget_secret="on", **BUCKET)
    bucket.refresh_from_db()
    assert bucket.secret == ""


def test_a18_every_change_is_audited(people: People, notes: Collection, wiki: Connector, shared: Path) -> None:
    client = client_of(people.ada)
    ask(client, "cancel_sync", wiki.pk)
    ask(client, "change_connector", wiki.pk, name="Renamed", path=str(shared), include="*.md")
    for paused in ("1", "0"):
        ask(client, "pause_connector", wiki.pk, paused=paused)
    ask(client, "sync_connector", wiki.pk)
    ask(client, "delete_connector", wiki.pk)
    events = AuditEvent.objects.filter(object_id=str(wiki.pk)).order_by("at")
    assert list(events.values_list("action", flat=True)) == [
        *("connector.created", "connector.sync_cancelled", "connector.changed", "connector.paused"),
        *("connector.resumed", "connector.synced", "connector.deleted"),
    ]
    changed = events.get(action="connector.changed")
    assert changed.before is not None
    assert changed.after is not None
    assert (changed.actor, changed.before["name"], changed.after["name"]) == (people.ada, "Wiki", "Renamed")


def test_a_paused_connector_is_not_synced(people: People, wiki: Connector) -> None:
    services.pause_connector(user=people.ada, connector=wiki, paused=True)
    assert sync(wiki).status == "cancelled"
    assert ask(client_of(people.ada), "sync_connector", wiki.pk).status_code == 409


def test_two_syncs_at_once_and_names_that_are_taken_are_refused(
    people: People, notes: Collection, wiki: Connector, shared: Path
) -> None:
    assert ask(client_of(people.ada), "sync_connector", wiki.pk).status_code == 409
    with pytest.raises(ChatappError) as told:
        connect(people.ada, notes, "folder", path=str(shared))
    assert told.value.code == "exists"


def test_a_collection_has_a_limited_number_of_connectors(
    people: People, notes: Collection, wiki: Connector, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatapp.retrieval.services.connectors._MOST", 1)
    with pytest.raises(ChatappError, match="at most 1 connectors"):
        connect(people.ada, notes, "folder", name="Second", path=str(shared))


def test_pages_take_a_constant_number_of_queries(
    people: People, notes: Collection, shared: Path, django_assert_max_num_queries: Any
) -> None:
    client = client_of(people.ada)
    wiki = connect(people.ada, notes, "folder", path=str(shared))

    def count() -> list[int]:
        counts = []
        for url in (reverse("connectors", args=["notes"]), reverse("connector", args=[wiki.pk])):
            with django_assert_max_num_queries(40) as captured:
                client.get(url)
            counts.append(len(captured))
        return counts

    SyncedItem.objects.create(connector=wiki, key="0", name="x", error="x")
    few = count()
    for number in range(1, 6):
        connect(people.ada, notes, "folder", name=f"Wiki {number}", path=str(shared))
        SyncedItem.objects.create(connector=wiki, key=f"{number}", name="x", error="x")
        services.cancel_sync(user=people.ada, connector=wiki)
        services.start_sync(user=people.ada, connector=wiki)
    assert count() == few
