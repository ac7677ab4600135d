"""`/api/v1/connectors`: for who owns the collection; to everybody else there is none."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
from chatapp.retrieval.models import Connector
from chatapp.retrieval.services import cancel_sync, create_collection, create_connector

pytestmark = pytest.mark.django_db
URL = "/api/v1/connectors"


@pytest.fixture
def site(ada: User, alice: User) -> Connector:
    """Of a collection that alice's group edits and ada owns."""
    notes = create_collection(user=ada, slug="notes", name="Notes", groups={"engineering": "editor"})
    config = {"url": "https://wiki.example/", "delay": 3}
    made = create_connector(user=ada, collection=notes, kind="web", name="Site", config=config, every_minutes=60)
    cancel_sync(user=ada, connector=made)
    return made


def ask(user: User, method: str, path: str = "", body: str = "{}", scopes: list[str] | None = None) -> Any:
    _, raw = create_api_key(user=user, scopes=scopes or [])
    client = Client(headers={"Authorization": f"Bearer {raw}"})
    return client.generic(method, URL + path, body, content_type="application/json")


def test_an_owner_lists_reads_and_syncs(ada: User, site: Connector) -> None:
    (listed,) = ask(ada, "GET", "?collection=notes").json()["items"]
    assert (listed["name"], listed["kind"], listed["last_status"]) == ("Site", "web", "cancelled")
    assert "config" not in listed
    assert ask(ada, "GET", f"/{site.pk}").json() == listed
    started = ask(ada, "POST", f"/{site.pk}/sync")
    assert (started.status_code, started.json()["last_status"]) == (202, "queued")
    assert ask(ada, "POST", f"/{site.pk}/sync").json()["code"] == "sync_running"


def test_a18_to_everybody_else_there_is_none(alice: User, mallory: User, site: Connector) -> None:
    for user in (alice, mallory):
        assert ask(user, "GET").json()["items"] == []
        for method, tail in (("GET", ""), ("POST", "/sync")):
            mine, never = ask(user, method, f"/{site.pk}{tail}"), ask(user, method, f"/{uuid4()}{tail}")
            assert (mine.status_code, mine.content) == (never.status_code, never.content)
            assert mine.status_code == 404
    assert ask(mallory, "GET", "?collection=notes").status_code == 404
    assert site.runs.count() == 1


def test_a_key_needs_the_scope(ada: User, site: Connector) -> None:
    assert ask(ada, "GET", scopes=["search"]).status_code == 403
    assert ask(ada, "POST", f"/{site.pk}/sync", scopes=["documents:read"]).status_code == 403
    assert site.runs.count() == 1


@pytest.mark.parametrize("body", ["", "[]", "{", '{"only_failed": "maybe"}', '{"only_failed": 3}'])
def test_bad_bodies_are_refused(ada: User, site: Connector, body: str) -> None:
    assert ask(ada, "POST", f"/{site.pk}/sync", body).status_code in {400, 422}
    assert site.runs.count() == 1
