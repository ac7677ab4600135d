"""Collections and versions through the API: by their owners, by readers, by strangers."""

from typing import Any

import pytest

from chatapp.accounts.models import User
from chatapp.api.tests.conftest import Api, assert_problem
from chatapp.api.tests.test_resources import make_collection, upload
from chatapp.retrieval.models import Collection, Document

pytestmark = pytest.mark.django_db
PATH = "/api/v1/collections/notes"


def patch(client: Any, body: dict[str, Any], path: str = PATH) -> Any:
    return client.patch(path, body, content_type="application/json")


@pytest.fixture
def notes(ada: User, alice: User, bob: User, api: Api) -> str:
    assert make_collection(api(ada), engineering="editor", sales="reader").status_code == 201
    return "notes"


def test_an_owner_changes_what_it_is_called_and_who_sees_it(
    ada: User, alice: User, bob: User, notes: str, api: Api
) -> None:
    change = {"name": "Field notes", "groups": {"sales": "reader"}, "chunk_characters": 900}
    assert patch(api(ada), change).json() == {
        "slug": "notes", "name": "Field notes", "role": "owner", "chunk_characters": 900, "chunk_overlap": 0,
    }  # fmt: skip
    assert api(bob).get(PATH).json()["role"] == "reader"
    assert_problem(api(alice).get(PATH), 404, "not_found")


def test_a_bad_change_changes_nothing(ada: User, notes: str, api: Api) -> None:
    for bad in (
        {"name": "Kept?", "groups": {"nobody": "reader"}},
        {"name": "Kept?", "groups": {"sales": "god"}},
        {"name": ""},
        {"chunk_characters": 10**30},
        {"chunk_overlap": -1},
        {"slug": "other"},
        {"name": ["x"]},
    ):
        answer = patch(api(ada), bad)
        assert answer.status_code in {200, 400}
        assert Collection.objects.get().name == "notes"
    assert sorted(Collection.objects.get().access.values_list("group__name", "role")) == [
        ("engineering", "editor"),
        ("sales", "reader"),
    ]


def test_readers_editors_and_strangers_change_nothing(
    alice: User, bob: User, mallory: User, notes: str, api: Api
) -> None:
    for user, status, code in ((alice, 403, "forbidden"), (bob, 403, "forbidden"), (mallory, 404, "not_found")):
        assert_problem(patch(api(user), {"name": "Mine"}), status, code)
        assert_problem(api(user).delete(PATH), status, code)
    assert Collection.objects.get().name == "notes"


def test_an_owner_deletes_it(ada: User, alice: User, notes: str, api: Api) -> None:
    document = upload(api(alice), "notes").json()
    assert api(ada).delete(PATH).status_code == 204
    assert_problem(api(ada).delete(PATH), 404, "not_found")
    assert_problem(api(alice).get(f"/api/v1/documents/{document['id']}"), 404, "not_found")
    assert api(alice).get("/api/v1/documents").json()["items"] == []


def test_versions_are_listed_and_brought_back(alice: User, bob: User, mallory: User, notes: str, api: Api) -> None:
    for data in (b"The secret is falcon.", b"The secret is heron."):
        document = upload(api(alice), "notes", data=data).json()
    path = f"/api/v1/documents/{document['id']}/versions"
    items = api(bob).get(path).json()["items"]
    assert [(item["number"], item["size"], item["current"]) for item in items] == [(2, 20, False), (1, 21, False)]
    assert_problem(api(mallory).get(path), 404, "not_found")
    restore = "{}/{}/restore".format
    assert_problem(api(bob).post(restore(path, 1)), 403, "forbidden")
    assert_problem(api(mallory).post(restore(path, 1)), 404, "not_found")
    for number in (0, 9, 10**30):
        assert_problem(api(alice).post(restore(path, number)), 404, "not_found")
    assert api(alice).post(restore(path, 1)).status_code == 202
    (newest, *_) = api(bob).get(path).json()["items"]
    assert (newest["number"], newest["size"], newest["restored_from"]) == (3, 21, 1)
    assert Document.objects.get().versions.get(number=3).created_by == alice
