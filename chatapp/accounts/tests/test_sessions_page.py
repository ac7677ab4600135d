import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from chatapp.accounts.models import AuditEvent, SignIn, User

PAGE = "/settings/sessions/"


@pytest.fixture
def here(alice: User) -> Client:
    client = Client(headers={"User-Agent": "<script>alert(1)</script> Firefox"})
    client.post("/accounts/login/", {"login": "alice", "password": "correct-horse-battery-staple"})
    return client


def is_in(client: Client) -> bool:
    return client.get(PAGE).status_code == 200


def of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_somebody_sees_own_sessions_only(here: Client, alice: User, bob: User) -> None:
    of(alice)
    of(bob)
    page = here.get(PAGE).content.decode()
    assert page.count('data-testid="session-row"') == 2
    assert page.count("This one") == 1
    assert "<script>alert" not in page


def test_one_session_is_signed_out(here: Client, alice: User) -> None:
    other = of(alice)
    found = SignIn.objects.get(session_key=other.session.session_key)
    response = here.post(f"{PAGE}{found.pk}/end/", headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == PAGE
    assert (is_in(here), is_in(other)) == (True, False)
    assert AuditEvent.objects.filter(action="session.ended", actor=alice).count() == 1


def test_all_others_are_signed_out(here: Client, alice: User) -> None:
    others = [of(alice), of(alice)]
    here.post(f"{PAGE}others/end/")
    assert [is_in(client) for client in (here, *others)] == [True, False, False]


def test_a_stranger_ends_no_session_of_others(here: Client, alice: User, mallory: User) -> None:
    found = SignIn.objects.get(user=alice)
    stranger = of(mallory)
    foreign, unknown = (stranger.post(f"{PAGE}{pk}/end/") for pk in (found.pk, uuid4()))
    pages = [re.sub(rb'X-CSRFToken": "[^"]+|value="[^"]+', b"", response.content) for response in (foreign, unknown)]
    assert pages[0] == pages[1]
    assert foreign.status_code == unknown.status_code == 404
    stranger.post(f"{PAGE}others/end/")
    assert is_in(here)
    assert Client().post(f"{PAGE}{found.pk}/end/").status_code == 302
    assert here.get(f"{PAGE}{found.pk}/end/").status_code == 405
    assert here.post(f"{PAGE}x/end/").status_code == 404


def test_the_list_costs_the_same_for_many(here: Client, alice: User, django_assert_num_queries: Any) -> None:
    here.get(PAGE)
    for _ in range(5):
        of(alice)
    with django_assert_num_queries(3):
        here.get(PAGE)
