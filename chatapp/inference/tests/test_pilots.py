"""People choose for themselves whether they try new models first."""

from collections.abc import Callable

import pytest
from django.test import Client

from chatapp.accounts.models import AuditEvent, User
from chatapp.inference.models import PilotMember
from tests.people import make_person

pytestmark = pytest.mark.django_db
PATH = "/settings/models/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    def client_for(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return client_for


def test_they_join_and_leave_and_nobody_else_does(client_of: Callable[[User], Client], alice: User) -> None:
    client, bob = client_of(alice), make_person("bob")
    assert "pilot-join" in client.get(PATH).content.decode()
    joined = client.post(PATH, {"joined": "yes"}, headers=HTMX).content.decode()
    assert "pilot-leave" in joined
    assert "<html" not in joined
    client.post(PATH, {"joined": "yes"})
    assert list(PilotMember.objects.values_list("user", flat=True)) == [alice.pk]
    assert "pilot-join" in client_of(bob).get(PATH).content.decode()
    assert client.post(PATH, {"joined": "no"}).status_code == 302
    assert not PilotMember.objects.exists()
    actions = AuditEvent.objects.filter(action__startswith="inference.pilot_").values_list("action", flat=True)
    assert sorted(actions) == ["inference.pilot_joined", "inference.pilot_left"]


@pytest.mark.parametrize("posted", ["", "maybe", "x" * 10_000, "\0"])
def test_anything_else_than_yes_is_no(client_of: Callable[[User], Client], alice: User, posted: str) -> None:
    client_of(alice).post(PATH, {"joined": posted})
    assert not PilotMember.objects.exists()


def test_who_is_not_signed_in_is_sent_to_sign_in() -> None:
    assert Client().post(PATH, {"joined": "yes"}).status_code == 302
    assert not PilotMember.objects.exists()
