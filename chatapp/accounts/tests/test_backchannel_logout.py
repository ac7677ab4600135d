"""OpenID Connect Back-Channel Logout 1.0: the provider ends sessions, and nobody else does."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from chatapp.accounts import services
from chatapp.accounts.models import AuditEvent, IdentityProvider, ProviderKind, SignIn, User
from chatapp.accounts.signals import access_changed
from chatapp.accounts.sso.documents import forget_documents
from chatapp.accounts.tests.signing_provider import SigningProvider, serve_documents

PLACE = "/accounts/oidc/company/backchannel-logout/"
EVENT: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}


@pytest.fixture
def provider(db: None) -> Iterator[SigningProvider]:
    forget_documents()
    with serve_documents() as provider:
        for slug, client in (("company", "chatapp"), ("other", "elsewhere")):
            IdentityProvider.objects.create(
                slug=slug, kind=ProviderKind.OIDC, name=slug, url=provider.issuer, client_id=client, secret="s"
            )
        yield provider


def sign_in(user: User, *, sid: str, subject: str = "00u-alice", provider: str = "company") -> Client:
    client = Client()
    client.force_login(user)
    SignIn.objects.filter(session_key=client.session.session_key).update(
        provider=provider, sid=sid, subject=subject, method="oidc"
    )
    return client


def logout_token(provider: SigningProvider, *, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": provider.issuer,
        "aud": "chatapp",
        "iat": now,
        "exp": now + 120,
        "jti": str(uuid4()),
        "events": EVENT,
        "sub": "00u-alice",
        "sid": "s-1",
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return provider.sign(kept, headers={"typ": "logout+jwt", **(headers or {})})


def is_in(client: Client) -> bool:
    return client.get("/knowledge/").status_code == 200


def send(token: str) -> Any:
    return Client(enforce_csrf_checks=True).post(PLACE, {"logout_token": token})


def test_b03_a_session_is_ended_by_its_provider_and_told_at_once(
    provider: SigningProvider, alice: User, bob: User, django_capture_on_commit_callbacks: Any
) -> None:
    one, two = sign_in(alice, sid="s-1"), sign_in(alice, sid="s-2")
    other = sign_in(bob, sid="s-1", subject="00u-bob")
    key = one.session.session_key
    told: list[Any] = []

    def note(**change: Any) -> None:
        told.append((change["user_id"], str(change["change"]), change["session_key"]))

    access_changed.connect(note)
    with django_capture_on_commit_callbacks(execute=True):
        response = send(logout_token(provider))
    access_changed.disconnect(note)
    assert (response.status_code, "no-store" in response["Cache-Control"]) == (200, True)
    assert [is_in(client) for client in (one, two, other)] == [False, True, True]
    assert told == [(alice.pk, "signed_out", key)]
    assert AuditEvent.objects.get(action="session.ended").detail["why"] == "by the identity provider"


def test_a_subject_without_a_session_id_ends_all_of_them(provider: SigningProvider, alice: User, bob: User) -> None:
    mine = [sign_in(alice, sid="s-1"), sign_in(alice, sid="s-2")]
    elsewhere = sign_in(alice, sid="s-1", provider="other")
    local = Client()
    local.force_login(alice)
    assert send(logout_token(provider, sid=None)).status_code == 200
    assert [is_in(client) for client in (*mine, elsewhere, local)] == [False, False, True, True]


def test_a_session_that_is_not_known_is_no_error(provider: SigningProvider, alice: User) -> None:
    client = sign_in(alice, sid="s-1")
    assert send(logout_token(provider, sid="s-9", sub=None)).status_code == 200
    assert is_in(client)


WRONG: dict[str, dict[str, Any]] = {
    "issuer": {"iss": "https://evil.example"},
    "audience": {"aud": "elsewhere"},
    "no audience": {"aud": None},
    "expired": {"exp": 1_000_000_000},
    "old": {"iat": 1_000_000_000, "exp": None},
    "of the future": {"iat": 9_000_000_000},
    "no time": {"iat": None},
    "no jti": {"jti": None},
    "no event": {"events": None},
    "other event": {"events": {"http://schemas.openid.net/event/other": {}}},
    "event is no object": {"events": {next(iter(EVENT)): "yes"}},
    "events is a list": {"events": list(EVENT)},
    "nonce": {"nonce": "n"},
    "names nobody": {"sub": None, "sid": None},
    "names nobody in words": {"sub": "", "sid": ""},
    "subject is a number": {"sub": 7, "sid": None},
    "type": {"headers": {"typ": "at+jwt"}},
    "crit": {"headers": {"crit": ["exp"]}},
    "key": {"headers": {"kid": "unknown"}},
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_b11_a_wrong_logout_token_is_refused(provider: SigningProvider, alice: User, name: str) -> None:
    client = sign_in(alice, sid="s-1")
    response = send(logout_token(provider, **WRONG[name]))
    assert (response.status_code, response.json()) == (400, {"error": "invalid_request"})
    assert is_in(client)


def test_b11_a_logout_token_of_another_key_or_without_a_signature_is_refused(
    provider: SigningProvider, alice: User
) -> None:
    client = sign_in(alice, sid="s-1")
    good = logout_token(provider)
    stranger = SigningProvider()
    stranger.issuer, stranger.kid = provider.issuer, provider.kid
    head, body, signature = good.split(".")
    for token in (logout_token(stranger), f"{head}.{body}.", f"{head}.{body}.{signature[::-1]}", "x", "", "a.b.c"):
        assert send(token).status_code == 400
    assert is_in(client)


def test_b11_an_id_token_logs_nobody_out(provider: SigningProvider, alice: User) -> None:
    client = sign_in(alice, sid="s-1")
    assert send(logout_token(provider, events=None, nonce="n", headers={"typ": "JWT"})).status_code == 400
    assert is_in(client)


def test_a_logout_token_works_once(provider: SigningProvider, alice: User) -> None:
    token = logout_token(provider)
    assert send(token).status_code == 200
    client = sign_in(alice, sid="s-1")
    assert send(token).status_code == 400
    assert is_in(client)


def test_keys_are_fetched_again_for_an_unknown_one_but_not_for_each(provider: SigningProvider, alice: User) -> None:
    client = sign_in(alice, sid="s-1")
    send(logout_token(provider, headers={"kid": "made-up"}))
    before = len(provider.asked)
    for _ in range(5):
        send(logout_token(provider, headers={"kid": "made-up"}))
    assert len(provider.asked) == before
    provider.rotate()
    forget_documents()
    assert send(logout_token(provider)).status_code == 200
    assert not is_in(client)


def test_a_key_without_an_id_among_several(provider: SigningProvider, alice: User) -> None:
    client = sign_in(alice, sid="s-1")
    foreign = SigningProvider().keys[0]
    provider.keys = [{"kty": "oct", "k": "c2VjcmV0"}, {"kty": "RSA"}, {**foreign, "kid": "f"}, *provider.keys]
    assert send(logout_token(provider, headers={"kid": None})).status_code == 200
    assert not is_in(client)


@pytest.mark.parametrize("slug", ["nothing", "oidc", "openid_connect"])
def test_b21_an_unknown_provider_is_answered_as_one_that_is_switched_off(provider: SigningProvider, slug: str) -> None:
    IdentityProvider.objects.filter(slug="other").update(enabled=False)
    token = {"logout_token": logout_token(provider, aud="elsewhere")}
    for action, method in (("backchannel-logout", "post"), ("login", "post"), ("login/callback", "get")):
        off = getattr(Client(), method)(f"/accounts/oidc/other/{action}/", token)
        unknown = getattr(Client(), method)(f"/accounts/oidc/{slug}/{action}/", token)
        assert (off.status_code, off.content) == (unknown.status_code, unknown.content)
        assert off.status_code == 404


def test_it_takes_posts_of_a_sane_size_only(provider: SigningProvider, alice: User) -> None:
    assert Client().get(PLACE).status_code == 405
    assert send("x" * 200_000).status_code == 400
    assert services.end_other_sign_ins(user=alice, session_key="") == 0
