"""Single sign-on against a real OpenID provider: a process of its own, discovered and asked over real HTTP."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from django.contrib.messages import get_messages
from django.test import Client

from chatapp.accounts.models import AuditEvent, Role, User
from chatapp.accounts.services.provisioned_users import (
    PersonRecord,
    create_provisioned_user,
    remove_provisioned_user,
)
from chatapp.accounts.sso.documents import discover
from tests.identity.leaving import way_out

LOGIN = "/accounts/oidc/sso/login/"
CALLBACK = "/accounts/oidc/sso/login/callback/"
FAULTS = [
    *("unsigned", "symmetric", "foreign_key", "unknown_kid", "missing"),
    *("nonce", "no_nonce", "issuer", "audience", "expired", "subject"),
]


@pytest.fixture(scope="module")
def provider_url() -> Iterator[str]:
    program = [sys.executable, str(Path(__file__).with_name("oidc_server.py"))]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@pytest.fixture
def provider(provider_url: str, settings: Any) -> Iterator[str]:
    configure(settings, provider_url)
    yield provider_url
    httpx.put(provider_url + "/fault", content="")


def configure(settings: Any, url: str, **options: Any) -> None:
    app = {
        "provider_id": "sso",
        "name": "SSO",
        "client_id": "chatapp",
        "secret": "hush",
        "settings": {"server_url": url, **options},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}


def authorize(client: Client, *, sub: str = "00u-alice", next_url: str = "") -> str:
    """Start at the product, agree at the provider; returns the callback's path and query."""
    start = client.post(LOGIN, {"next": next_url} if next_url else {})
    agreed = httpx.post(way_out(start), data={"sub": sub})
    back = urlsplit(agreed.headers["Location"])
    return f"{back.path}?{back.query}"


def sign_in(client: Client, **options: str) -> Any:
    return client.get(authorize(client, **options))


def signed_in(client: Client) -> Any:
    return User.objects.filter(pk=client.session.get("_auth_user_id", uuid4())).first()


def assert_refused(client: Client, response: Any) -> None:
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/")
    assert "did not work" in str(next(iter(get_messages(response.wsgi_request))))
    assert signed_in(client) is None
    assert AuditEvent.objects.filter(action="session.sso_failed").count() == 1


@pytest.mark.django_db
def test_the_first_sign_in_makes_an_employee(client: Client, provider: str) -> None:
    response = sign_in(client)
    assert (response.status_code, response["Location"]) == (302, "/")
    user = signed_in(client)
    assert (user.username, user.email, user.first_name) == ("alice", "alice@example.com", "Alice")
    assert user.roles == [Role.EMPLOYEE]
    assert not user.has_usable_password()
    assert not user.is_superuser
    assert sorted(user.groups.values_list("name", flat=True)) == ["engineering", "staff"]
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"user.created_by_sso", "user.groups_synchronized", "session.login"} <= actions


@pytest.mark.django_db
def test_b12_the_same_subject_is_the_same_user(client: Client, provider: str) -> None:
    sign_in(client)
    first = signed_in(client)
    first.groups.clear()
    again = Client()
    sign_in(again)
    assert signed_in(again) == first
    assert User.objects.count() == 1
    assert first.groups.count() == 2


@pytest.mark.django_db
def test_b12_the_same_address_and_name_of_another_subject_are_another_user(client: Client, provider: str) -> None:
    local = User.objects.create_user("alice", "alice@example.com", "a password", roles=[Role.ADMINISTRATOR])
    sign_in(client)
    other = Client()
    sign_in(other, sub="00u-other")
    users = {local, signed_in(client), signed_in(other)}
    assert None not in users
    assert len(users) == 3
    assert all(user.roles == [Role.EMPLOYEE] for user in users - {local})


@pytest.mark.django_db
def test_b12_a_provisioned_person_signs_in_to_that_account_by_the_subject_only(
    client: Client, provider: str, ada: User
) -> None:
    wrong = create_provisioned_user(
        client=ada, record=PersonRecord(user_name="alice@example.com", email="alice@example.com", external_id="00u-eve")
    )
    right = create_provisioned_user(client=ada, record=PersonRecord(user_name="a.smith", external_id="00u-alice"))
    sign_in(client)
    assert signed_in(client) == right.user
    assert AuditEvent.objects.filter(action="user.linked_to_provider", object_id=str(right.pk)).count() == 1
    again = Client()
    sign_in(again)
    assert signed_in(again) == right.user
    assert User.objects.get(pk=wrong.pk).last_login is None


@pytest.mark.django_db
def test_who_was_deprovisioned_makes_no_new_account_by_signing_in(client: Client, provider: str, ada: User) -> None:
    person = create_provisioned_user(client=ada, record=PersonRecord(user_name="a.smith", external_id="00u-alice"))
    remove_provisioned_user(client=ada, person=person)
    before = User.objects.count()
    sign_in(client)
    assert signed_in(client) is None
    assert User.objects.count() == before


@pytest.mark.django_db
def test_who_signed_in_before_is_the_person_that_is_provisioned_later(client: Client, provider: str, ada: User) -> None:
    sign_in(client)
    record = PersonRecord(user_name="a.smith", external_id="00u-alice")
    assert create_provisioned_user(client=ada, record=record).user == signed_in(client)


def tell(provider: str, sub: str, **claims: Any) -> None:
    httpx.put(f"{provider}/users/{sub}", json={"preferred_username": sub, **claims}).raise_for_status()


def groups_of(client: Client) -> list[str]:
    return sorted(signed_in(client).groups.values_list("name", flat=True))


@pytest.mark.django_db
def test_groups_that_are_too_many_to_be_named_stay_what_they_were(client: Client, provider: str) -> None:
    """Entra ID's "overage": it says where to ask for them, and nobody is sent there."""
    elsewhere = {"src1": {"endpoint": "https://graph.windows.net/tenant/users/oid/getMemberObjects"}}
    told: list[tuple[dict[str, Any], list[str]]] = [
        ({"groups": ["sales", "staff"]}, ["sales", "staff"]),
        ({"_claim_names": {"groups": "src1"}, "_claim_sources": elsewhere}, ["sales", "staff"]),
        ({"hasgroups": True}, ["sales", "staff"]),
        ({"groups": ["staff"]}, ["staff"]),
        ({"_claim_names": {"address": "src1"}, "_claim_sources": elsewhere}, []),
    ]
    for claims, expected in told:
        tell(provider, "00u-many", **claims)
        sign_in(client, sub="00u-many")
        assert groups_of(client) == expected, claims
        client.post("/accounts/logout/")
    assert AuditEvent.objects.filter(action="session.groups_left_out").count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path,claims",
    [
        ("realm_access.roles", {"realm_access": {"roles": ["sales"]}}),
        ("resource_access.chatapp.roles", {"resource_access": {"chatapp": {"roles": "sales"}}}),
        ("https://chat.example.com/groups", {"https://chat.example.com/groups": ["sales"]}),
        # The name as a whole goes before the way.
        ("a.b", {"a.b": ["sales"], "a": {"b": ["other"]}}),
    ],
)
def test_groups_may_be_named_deeper(
    client: Client, provider: str, settings: Any, path: str, claims: dict[str, Any]
) -> None:
    configure(settings, provider, groups_claim=path)
    tell(provider, "00u-deep", groups=["not these"], **claims)
    sign_in(client, sub="00u-deep")
    assert groups_of(client) == ["sales"]


@pytest.mark.django_db
@pytest.mark.parametrize("found", ["no object", ["roles"], {"roles": {"sales": True}}, {"other": ["sales"]}, 5, None])
def test_a_way_that_leads_nowhere_names_no_groups(client: Client, provider: str, settings: Any, found: Any) -> None:
    configure(settings, provider, groups_claim="realm_access.roles")
    tell(provider, "00u-deep", realm_access=found)
    sign_in(client, sub="00u-deep")
    assert groups_of(client) == []


@pytest.mark.django_db
def test_an_authorization_address_keeps_its_query(client: Client, provider: str, monkeypatch: Any) -> None:
    address = "https://login.example/authorize?p=b2c_1_sign_in"
    config = {**discover(provider), "authorization_endpoint": address}
    monkeypatch.setattr("chatapp.accounts.sso.oidc.discover", lambda _: config)
    there = urlsplit(way_out(client.post(LOGIN)))
    query = parse_qs(there.query)
    assert (there.path, query["p"], query["client_id"]) == ("/authorize", ["b2c_1_sign_in"], ["chatapp"])
    assert query["nonce"]


@pytest.mark.django_db
def test_an_inactive_user_stays_out(client: Client, provider: str) -> None:
    sign_in(client)
    User.objects.update(is_active=False)
    again = Client()
    sign_in(again)
    assert signed_in(again) is None


@pytest.mark.django_db
@pytest.mark.parametrize("fault", FAULTS)
def test_b11_a_wrong_id_token_is_refused(client: Client, provider: str, fault: str) -> None:
    httpx.put(provider + "/fault", content=fault)
    assert_refused(client, sign_in(client))
    assert not User.objects.exists()


@pytest.mark.django_db
def test_b15_the_state_of_another_session_is_refused(client: Client, provider: str) -> None:
    stolen = authorize(Client())
    assert_refused(client, client.get(stolen))


@pytest.mark.django_db
def test_b15_a_changed_state_is_refused(client: Client, provider: str) -> None:
    path = authorize(client)
    state = parse_qs(urlsplit(path).query)["state"][0]
    assert_refused(client, client.get(path.replace(state, "x" * len(state))))


@pytest.mark.django_db
def test_b15_a_code_works_once(client: Client, provider: str) -> None:
    path = authorize(client)
    client.get(path)
    client.post("/accounts/logout/")
    assert_refused(client, client.get(path))


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["", "?error=access_denied", "?code=guessed", "?state=\x00&code=\x00"])
def test_b15_a_callback_that_nobody_asked_for_is_refused(client: Client, provider: str, query: str) -> None:
    assert_refused(client, client.get(CALLBACK + query))


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["//evil.example", "https://evil.example/", "javascript:alert(1)"])
def test_b13_next_never_leads_to_another_place(client: Client, provider: str, url: str) -> None:
    assert sign_in(client, next_url=url)["Location"] == "/"


@pytest.mark.django_db
def test_next_leads_to_the_page_that_was_asked_for(client: Client, provider: str) -> None:
    assert sign_in(client, next_url="/knowledge/")["Location"] == "/knowledge/"


@pytest.mark.django_db
def test_a_caller_cannot_add_to_the_request(client: Client, provider: str) -> None:
    start = client.post(LOGIN + "?scope=admin&auth_params=nonce%3Dmine&process=connect")
    query = parse_qs(urlsplit(way_out(start)).query)
    assert set(query["scope"][0].split()) == {"openid", "profile", "email"}
    assert query["code_challenge_method"] == ["S256"]
    assert query["nonce"] != ["mine"]


@pytest.mark.django_db
def test_a_provider_that_is_down_is_told_in_words(client: Client, settings: Any) -> None:
    configure(settings, "http://127.0.0.1:9")
    assert_refused(client, client.post(LOGIN))


@pytest.mark.django_db
def test_an_unknown_provider_is_not_found(client: Client) -> None:
    assert client.post("/accounts/oidc/other/login/").status_code == 404
    assert client.get("/accounts/oidc/other/login/callback/?code=1&state=2").status_code == 404
