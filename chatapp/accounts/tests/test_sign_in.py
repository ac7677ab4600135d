from typing import Any

import pytest
from django.test import Client

from chatapp.accounts.models import AuditEvent, User

LOGIN = "/accounts/login/"
PASSWORD = {"login": "alice", "password": "correct-horse-battery-staple"}


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("at").values_list("action", flat=True))


def test_signing_in_and_out_is_audited(client: Client, alice: User) -> None:
    assert client.post(LOGIN, PASSWORD).status_code == 302
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert client.post("/accounts/logout/").status_code == 302
    assert "_auth_user_id" not in client.session
    assert actions() == ["session.login", "session.logout"]


def test_a_wrong_password_is_audited_without_what_was_typed(client: Client, alice: User) -> None:
    client.post(LOGIN, {"login": "alice", "password": "wrong"})
    client.post(LOGIN, {"login": "my-secret-password", "password": "alice"})
    assert actions() == ["session.login_failed"] * 2
    assert "secret" not in str(list(AuditEvent.objects.values()))
    assert [event.object_id for event in AuditEvent.objects.order_by("at")] == [str(alice.pk), ""]


def test_an_unknown_and_a_known_name_are_answered_alike(client: Client, alice: User) -> None:
    known = client.post(LOGIN, {"login": "alice", "password": "wrong"})
    unknown = client.post(LOGIN, {"login": "alicf", "password": "wrong"})
    assert known.status_code == unknown.status_code
    assert known.context["form"].errors == unknown.context["form"].errors


def test_an_inactive_user_stays_out(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    client.post(LOGIN, PASSWORD)
    assert "_auth_user_id" not in client.session


def test_many_wrong_passwords_are_slowed_down_whatever_a_proxy_header_says(client: Client, alice: User) -> None:
    for attempt in range(12):
        client.post(
            LOGIN, {"login": "alice", "password": "wrong"}, headers={"X-Forwarded-For": f"198.51.100.{attempt}"}
        )
    response = client.post(LOGIN, PASSWORD, headers={"X-Forwarded-For": "198.51.100.99"})
    assert response.status_code != 302
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    "url",
    [
        "//evil.example",
        "https:evil.example",
        "https://evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
    ],
)
def test_next_never_leads_to_another_place(client: Client, alice: User, url: str) -> None:
    response = client.post(LOGIN, {**PASSWORD, "next": url})
    assert response.status_code == 302
    assert response["Location"] == "/"


def test_next_leads_to_a_page_of_this_host(client: Client, alice: User) -> None:
    assert client.post(LOGIN, {**PASSWORD, "next": "/knowledge/"})["Location"] == "/knowledge/"


def test_other_allowed_hosts_are_no_place_to_be_sent_to(client: Client, alice: User, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver", "other.example"]
    assert client.post(LOGIN, {**PASSWORD, "next": "http://other.example/"})["Location"] == "/"


def test_signing_out_needs_a_post(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get("/accounts/logout/").status_code == 405
    assert "_auth_user_id" in client.session


@pytest.mark.parametrize("path", ["signup/", "email/", "password/reset/", "password/change/", "3rdparty/", ""])
def test_other_account_pages_are_not_routed(client: Client, alice: User, path: str) -> None:
    assert client.get("/accounts/" + path).status_code == 404


def test_the_form_needs_its_csrf_token(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(LOGIN, PASSWORD).status_code == 403
    assert client.post("/accounts/oidc/sso/login/").status_code == 403
