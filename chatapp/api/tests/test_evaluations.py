"""`/api/v1/evaluations`: for who may edit the collection; to everybody else there is none."""

import pytest
from django.contrib.auth.models import Group

from chatapp.accounts.models import User
from chatapp.api.tests.conftest import Api, assert_problem, send
from chatapp.retrieval.models import Collection, Evaluation
from chatapp.retrieval.services import add_golden_question, create_collection

URL = "/api/v1/evaluations"

pytestmark = pytest.mark.django_db


@pytest.fixture
def notes(ada: User, alice: User, bob: User) -> Collection:
    """Alice edits them, bob reads them."""
    for user, name in ((alice, "editors"), (bob, "readers")):
        user.groups.add(Group.objects.get_or_create(name=name)[0])
    collection = create_collection(
        user=ada, slug="notes", name="Notes", groups={"editors": "editor", "readers": "reader"}
    )
    add_golden_question(user=alice, collection=collection, text="What is it?", sources=[])
    return collection


def test_an_editor_starts_reads_and_cancels(alice: User, notes: Collection, api: Api) -> None:
    client = api(alice)
    response = send(client, "POST", URL, b'{"collection": "notes"}')
    assert response.status_code == 202
    started = response.json()
    assert started["status"] == "queued"
    assert (started["questions"], started["asked"], started["figures"]) == (1, 0, None)
    assert_problem(send(client, "POST", URL, b'{"collection": "notes"}'), 409, "evaluation_running")
    assert client.get(f"{URL}?collection=notes").json()["items"] == [started]
    assert client.get(f"{URL}/{started['id']}").json() == started
    assert send(client, "POST", f"{URL}/{started['id']}/cancel").json()["status"] == "cancelled"
    assert_problem(send(client, "POST", f"{URL}/{started['id']}/cancel"), 409, "evaluation_over")


def test_readers_are_refused_and_strangers_find_nothing(
    alice: User, bob: User, mallory: User, notes: Collection, api: Api
) -> None:
    started = send(api(alice), "POST", URL, b'{"collection": "notes"}').json()["id"]
    assert_problem(send(api(bob), "POST", URL, b'{"collection": "notes"}'), 403, "forbidden")
    assert_problem(send(api(mallory), "POST", URL, b'{"collection": "notes"}'), 404, "not_found")
    assert_problem(api(mallory).get(f"{URL}?collection=notes"), 404, "not_found")
    for user in (bob, mallory):
        assert api(user).get(URL).json()["items"] == []
        assert_problem(api(user).get(f"{URL}/{started}"), 404, "not_found")
        assert_problem(send(api(user), "POST", f"{URL}/{started}/cancel"), 404, "not_found")
    assert Evaluation.objects.get().is_live


@pytest.mark.parametrize("body", [b"{}", b'{"collection": 7}', b'{"collection": "notes", "index": 0}'])
def test_a_malformed_body_is_refused(body: bytes, alice: User, notes: Collection, api: Api) -> None:
    assert_problem(send(api(alice), "POST", URL, body), 400, "invalid")
    assert not Evaluation.objects.exists()


def test_an_index_that_is_none_is_not_found(alice: User, notes: Collection, api: Api) -> None:
    assert_problem(send(api(alice), "POST", URL, b'{"collection": "notes", "index": 32767}'), 404, "not_found")
