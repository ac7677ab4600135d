"""The product against a conforming OpenID Connect provider that is none of ours, over real HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.test import Client

from chatapp.accounts.models import AuditEvent, SignIn, User
from chatapp.accounts.selectors.standings import load_standings
from chatapp.accounts.sso.documents import forget_documents
from tests.identity.leaving import way_out
from tests.identity.provider import PEOPLE, SECRET, IdentityServer, serve

LOGIN = "/accounts/oidc/sso/login/"


@pytest.fixture(scope="module")
def server() -> Iterator[IdentityServer]:
    with serve("http://testserver") as server:
        yield server


@pytest.fixture
def sso(server: IdentityServer, settings: Any, db: None) -> Iterator[IdentityServer]:
    configure(settings, server)
    yield server
    for sub, claims in PEOPLE.items():
        server.control("people", sub=sub, claims=claims)


def configure(settings: Any, server: IdentityServer) -> None:
    forget_documents()
    app = {
        "provider_id": "sso",
        "name": "Company",
        "client_id": "chatapp",
        "secret": SECRET,
        "settings": {"server_url": server.issuer},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}


@contextmanager
def person() -> Iterator[httpx.Client]:
    """A browser at the provider."""
    with httpx.Client() as browser:
        yield browser


def sign_in(server: IdentityServer, client: Client, browser: httpx.Client, login: str = "00u-alice") -> Any:
    start = client.post(LOGIN, {"next": "/knowledge/"})
    back = urlsplit(server.agree(browser, way_out(start), login))
    return client.get(f"{back.path}?{back.query}")


def is_in(client: Client) -> bool:
    return client.get("/knowledge/").status_code == 200


def groups_of(name: str) -> list[str]:
    return sorted(User.objects.get(username=name).groups.values_list("name", flat=True))


def test_somebody_signs_in_with_groups_from_the_user_info(sso: IdentityServer, client: Client) -> None:
    with person() as browser:
        response = sign_in(sso, client, browser)
    assert (response.status_code, response["Location"]) == (302, "/knowledge/")
    assert is_in(client)
    assert groups_of("alice") == ["engineering", "staff"]
    sign_in_row = SignIn.objects.get()
    assert (sign_in_row.provider, sign_in_row.subject) == ("sso", "00u-alice")
    assert sign_in_row.sid


def test_groups_are_followed_at_every_sign_in_and_removal_too(sso: IdentityServer, client: Client) -> None:
    with person() as browser:
        sign_in(sso, client, browser)
        for groups in (["staff"], "sales", [], ["staff"], None):
            claims: dict[str, Any] = {**PEOPLE["00u-alice"], "groups": groups}
            if groups is None:
                del claims["groups"]
            sso.control("people", sub="00u-alice", claims=claims)
            sign_in(sso, client, browser)
            expected = [groups] if isinstance(groups, str) else sorted(groups or [])
            assert groups_of("alice") == expected


@pytest.mark.parametrize("alg", ["PS256", "ES256", "EdDSA", "RS256"])
def test_b11_keys_are_rotated_between_two_sign_ins(sso: IdentityServer, client: Client, alg: str) -> None:
    with person() as browser:
        sign_in(sso, client, browser)
        sso.control("rotate", alg=alg)
        other = Client()
        sign_in(sso, other, browser)
    assert is_in(other)
    assert User.objects.count() == 1


def test_a_secret_may_be_sent_in_the_body(settings: Any, client: Client, db: None) -> None:
    with serve("http://testserver", auth="client_secret_post") as server, person() as browser:
        configure(settings, server)
        sign_in(server, client, browser)
    assert is_in(client)


def test_b15_a_code_and_a_state_work_once(sso: IdentityServer, client: Client) -> None:
    start = client.post(LOGIN)
    with person() as browser:
        back = urlsplit(sso.agree(browser, way_out(start), "00u-alice"))
    thief = Client()
    thief.get(f"{back.path}?{back.query}")
    assert not is_in(thief)
    client.get(f"{back.path}?{back.query}")
    assert is_in(client)
    client.post("/accounts/logout/")
    client.get(f"{back.path}?{back.query}")
    assert not is_in(client)


def test_b15_the_answer_of_another_issuer_is_refused(sso: IdentityServer, client: Client) -> None:
    start = client.post(LOGIN)
    with person() as browser:
        back = sso.agree(browser, way_out(start), "00u-alice")
    query = httpx.URL(back).copy_set_param("iss", "https://evil.example")
    client.get(f"{query.path}?{query.query.decode()}")
    assert not is_in(client)
    assert not User.objects.exists()


def test_signing_out_leads_to_the_provider_and_back(sso: IdentityServer, client: Client) -> None:
    with person() as browser:
        sign_in(sso, client, browser)
        there = way_out(client.post("/accounts/logout/"))
        assert not is_in(client)
        address = urlsplit(there)
        query = parse_qs(address.query)
        assert f"{address.scheme}://{address.netloc}" == sso.issuer
        assert {"id_token_hint", "post_logout_redirect_uri", "state", "client_id"} <= set(query)
        page = browser.get(there)
        secret = page.text.partition('name="xsrf" value="')[2].partition('"')[0]
        done = browser.post(f"{sso.issuer}/session/end/confirm", data={"xsrf": secret, "logout": "yes"})
        assert done.headers["Location"] == f"http://testserver/accounts/login/?state={query['state'][0]}"
        again = browser.get(way_out(client.post(LOGIN)))
    assert "/interaction/" in again.headers["Location"]
    assert "signed out" in client.get("/accounts/login/", {"state": query["state"][0]}).content.decode()
    assert "signed out" not in client.get("/accounts/login/", {"state": query["state"][0]}).content.decode()
    assert not SignIn.objects.exists()


def test_a_session_that_is_over_comes_back_without_a_question(
    sso: IdentityServer, client: Client, settings: Any
) -> None:
    with person() as browser:
        sign_in(sso, client, browser)
        first = client.session.session_key
        settings.SESSION_IDLE_SECONDS = 0
        start = client.get("/knowledge/?page=1", headers={"Accept": "text/html"})
        assert start["Location"] == "/accounts/oidc/sso/silent/"
        assert not load_standings([str(first)])
        settings.SESSION_IDLE_SECONDS = 100
        asked = client.get(start["Location"])
        assert parse_qs(urlsplit(asked["Location"]).query)["prompt"] == ["none"]
        back = urlsplit(browser.get(asked["Location"]).headers["Location"])
        response = client.get(f"{back.path}?{back.query}")
    assert response["Location"] == "/knowledge/?page=1"
    assert is_in(client)


def test_who_is_not_signed_in_there_any_more_gets_the_sign_in_page_once(
    sso: IdentityServer, client: Client, settings: Any
) -> None:
    with person() as browser:
        sign_in(sso, client, browser)
        settings.SESSION_IDLE_SECONDS = 0
        client.get("/knowledge/", headers={"Accept": "text/html"})
        settings.SESSION_IDLE_SECONDS = 100
        asked = client.get("/accounts/oidc/sso/silent/")
    with person() as stranger:
        back = urlsplit(stranger.get(asked["Location"]).headers["Location"])
    response = client.get(f"{back.path}?{back.query}")
    assert response["Location"] == "/accounts/login/?next=%2Fknowledge%2F"
    assert "Your session has ended" in client.get(response["Location"]).content.decode()
    assert client.get("/accounts/oidc/sso/silent/")["Location"] == "/accounts/login/"
    assert not AuditEvent.objects.filter(action="session.sso_failed").exists()


@pytest.mark.parametrize("how", ["fragment", "post", "script"])
def test_only_a_page_goes_to_the_provider_by_itself(
    sso: IdentityServer, client: Client, settings: Any, how: str
) -> None:
    with person() as browser:
        sign_in(sso, client, browser)
    settings.SESSION_IDLE_SECONDS = 0
    headers = {"Accept": "text/html"} | ({"HX-Request": "true"} if how == "fragment" else {})
    headers |= {"Sec-Fetch-Mode": "cors"} if how == "script" else {}
    method = client.post if how == "post" else client.get
    response = method("/knowledge/", headers=headers)
    assert response["Location"].startswith("/accounts/login/")
    page = client.get("/knowledge/", headers={"Accept": "text/html"})
    assert page["Location"] == "/accounts/oidc/sso/silent/"
