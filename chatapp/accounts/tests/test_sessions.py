"""Sessions end by their absolute age and by rest, whatever the stored session and the cookie say."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from chatapp.accounts import services
from chatapp.accounts.models import AuditEvent, SignIn, User
from chatapp.accounts.selectors.standings import load_standings
from chatapp.accounts.sessions import MARK
from chatapp.accounts.signals import access_changed

PASSWORD = {"login": "alice", "password": "correct-horse-battery-staple"}
PAGE = "/knowledge/"


@pytest.fixture
def signed_in(client: Client, alice: User) -> Client:
    client.post("/accounts/login/", PASSWORD, headers={"User-Agent": "Firefox " + "x" * 500})
    return client


def is_in(client: Client) -> bool:
    return client.get(PAGE).status_code == 200


def age(client: Client, *, started: int = 0, seen: int = 0) -> None:
    """Let the session be that many seconds older."""
    session = client.session
    now = int(time.time())
    session[MARK] = {**session[MARK], "started": now - started, "seen": now - seen}
    session.save()
    SignIn.objects.filter(session_key=session.session_key).update(
        started_at=timezone.now() - timedelta(seconds=started), last_seen_at=timezone.now() - timedelta(seconds=seen)
    )


def test_a_sign_in_is_noted_with_its_device(signed_in: Client, alice: User) -> None:
    sign_in = SignIn.objects.get()
    assert (sign_in.user, sign_in.method, sign_in.address) == (alice, "local", "127.0.0.1")
    assert sign_in.session_key == signed_in.session.session_key
    assert len(sign_in.user_agent) == 200
    assert load_standings([sign_in.session_key])


def test_b22_a_session_beyond_its_absolute_age_is_refused_though_active(signed_in: Client, settings: Any) -> None:
    age(signed_in, started=settings.SESSION_ABSOLUTE_SECONDS - 5)
    assert is_in(signed_in)
    age(signed_in, started=settings.SESSION_ABSOLUTE_SECONDS + 1)
    key = signed_in.session.session_key
    assert not load_standings([str(key)])
    assert not is_in(signed_in)
    assert not Session.objects.filter(session_key=key).exists()
    assert not SignIn.objects.exists()


def test_b22_a_session_that_rested_too_long_is_refused(signed_in: Client, settings: Any) -> None:
    age(signed_in, started=5000, seen=settings.SESSION_IDLE_SECONDS + 1)
    assert not load_standings([str(signed_in.session.session_key)])
    assert not is_in(signed_in)


@pytest.mark.parametrize(
    "mark", ["", None, [], {}, "now", {"started": "", "seen": ""}, {"started": None, "seen": None}, {"started": 1}]
)
def test_b22_a_session_that_does_not_say_its_age_is_refused(signed_in: Client, mark: Any) -> None:
    session = signed_in.session
    session[MARK] = mark
    session.save()
    assert not is_in(signed_in)


@pytest.mark.parametrize("cookie", ["", "null", "None", "undefined", "0", "x" * 32, "\x00", "é"])
def test_b22_an_empty_or_made_up_session_key_is_refused(alice: User, cookie: str) -> None:
    client = Client()
    client.cookies["sessionid"] = cookie
    assert not is_in(client)
    assert not load_standings([cookie.replace("\x00", "")])


def test_requests_keep_a_session_alive_but_pages_that_renew_themselves_do_not(signed_in: Client) -> None:
    age(signed_in, started=1000, seen=600)
    signed_in.get(PAGE, headers={"X-Poll": "1"})
    assert time.time() - signed_in.session[MARK]["seen"] > 500
    is_in(signed_in)
    assert time.time() - signed_in.session[MARK]["seen"] < 100
    assert SignIn.objects.get().last_seen_at > timezone.now() - timedelta(seconds=100)
    assert time.time() - signed_in.session[MARK]["started"] > 900


def test_a_busy_session_costs_no_write_per_request(signed_in: Client, django_assert_num_queries: Any) -> None:
    is_in(signed_in)
    before = Session.objects.values().get()
    is_in(signed_in)
    assert Session.objects.values().get() == before


def test_b03_signing_out_ends_the_session_and_is_told_with_its_key(
    signed_in: Client, alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    key = signed_in.session.session_key
    told: list[Any] = []

    def note(**change: Any) -> None:
        told.append((change["user_id"], str(change["change"]), change["session_key"]))

    access_changed.connect(note)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            signed_in.post("/accounts/logout/")
    finally:
        access_changed.disconnect(note)
    assert (alice.pk, "signed_out", key) in told
    assert not load_standings([str(key)])


def test_b03_other_sessions_are_ended_from_one(signed_in: Client, alice: User, bob: User) -> None:
    other, of_bob = Client(), Client()
    other.force_login(alice)
    of_bob.force_login(bob)
    assert services.end_other_sign_ins(user=alice, session_key=signed_in.session.session_key or "") == 1
    assert (is_in(signed_in), is_in(other), is_in(of_bob)) == (True, False, True)
    assert AuditEvent.objects.filter(action="session.ended").count() == 1


def test_a_session_whose_row_is_gone_is_dead(signed_in: Client) -> None:
    key = signed_in.session.session_key
    Session.objects.all().delete()
    assert not load_standings([str(key)])


def test_what_is_over_goes_with_the_next_sign_in(signed_in: Client, alice: User, settings: Any) -> None:
    age(signed_in, started=settings.SESSION_ABSOLUTE_SECONDS + 1)
    Client().force_login(alice)
    assert SignIn.objects.count() == 1
