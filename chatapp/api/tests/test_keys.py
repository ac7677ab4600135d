"""What a key may do: scopes, read-only keys, carriers, guesses. Generated over all operations of the API."""

import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from chatapp.accounts.limits.allowances import FAILED_KEYS_BURST
from chatapp.accounts.models import ApiKey, AuditEvent, Role, User
from chatapp.accounts.scopes import SCOPES
from chatapp.accounts.services import create_api_key, revoke_api_key
from chatapp.api.auth import EVERY_KEY, BearerKey
from chatapp.api.tests.conftest import Api, assert_problem, send
from chatapp.api.tests.test_every_route import ONLY_READS, ROUTES, address, every_route, every_write
from chatapp.api.urls import openai_api, product_api
from chatapp.runtime.files import CHECKOUT

pytestmark = pytest.mark.django_db


def keys_of_operations() -> Iterator[tuple[str, str, BearerKey]]:
    for api in (openai_api, product_api):
        for bound in api._get_bound_routers():
            for path, view in bound.path_operations.items():
                for operation in view.operations:
                    for auth in operation.auth_callbacks:
                        assert isinstance(auth, BearerKey)
                        yield operation.methods[0], f"{bound.prefix}{path}", auth


def bearer(raw: str, **headers: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {raw}", **headers}, raise_request_exception=False)


def test_every_operation_names_a_scope_of_the_catalogue() -> None:
    found = list(keys_of_operations())
    assert len(found) >= len(ROUTES)
    wrong = [(method, path) for method, path, auth in found if auth.scope_for(method) not in SCOPES]
    assert wrong == []
    assert EVERY_KEY not in {auth.scope_for(method) for method, _, auth in found}


@every_route
def test_a_key_outside_its_scope_is_told_which_it_needs(method: str, path: str, ada: User) -> None:
    _, raw = create_api_key(user=ada, scopes=["usage" if "/feedback" in path else "feedback"])
    response = send(bearer(raw), method, address(path), b"{ not json")
    assert_problem(response, 403, "scope_missing")
    assert any(f"scope {scope}." in response.json()["title"] for scope in SCOPES)


@every_write
def test_b08_a_key_that_may_only_read_writes_nothing(method: str, path: str, ada: User) -> None:
    """Whatever its scopes, and before anything is looked up or parsed."""
    _, raw = create_api_key(user=ada, read_only=True, scopes=list(SCOPES))
    before = AuditEvent.objects.filter(outcome="success").count()
    response = send(bearer(raw), method, address(path), b"{}")
    if path in ONLY_READS:
        assert_problem(response, 400, "invalid")
    else:
        assert_problem(response, 403, "read_only_key")
    assert AuditEvent.objects.filter(outcome="success").count() == before


def test_b08_a_header_makes_no_write_a_read(ada: User) -> None:
    _, raw = create_api_key(user=ada, read_only=True)
    client = bearer(raw, **{"X-HTTP-Method-Override": "GET", "X-Method-Override": "GET"})
    assert_problem(send(client, "DELETE", f"/api/v1/documents/{uuid4()}"), 403, "read_only_key")
    assert client.get("/api/v1/documents").status_code == 200


def test_a_key_does_what_its_scopes_say(alice: User) -> None:
    _, raw = create_api_key(user=alice, scopes=["documents:read", "models"])
    client = bearer(raw)
    assert client.get("/api/v1/documents").status_code == 200
    assert client.get("/v1/models").status_code == 200
    assert_problem(client.post("/v1/chat/completions"), 403, "scope_missing")
    assert_problem(client.delete(f"/api/v1/documents/{uuid4()}"), 403, "scope_missing")


def test_a_scope_gives_no_right_that_its_user_lacks(alice: User) -> None:
    _, raw = create_api_key(user=alice, scopes=["policies:write"])
    assert_problem(send(bearer(raw), "POST", "/api/v1/policies", b"{}"), 403, "forbidden")


def carriers(raw: str) -> dict[str, Client]:
    basic = b64encode(f"{raw}:".encode()).decode()
    user_and_key = b64encode(f"alice:{raw}".encode()).decode()
    with_cookies = Client()
    for name in ("sessionid", "api_key", "token", "Authorization"):
        with_cookies.cookies[name] = raw
    return {
        "X-Api-Key": Client(headers={"X-Api-Key": raw}),
        "Api-Key": Client(headers={"Api-Key": raw}),
        "X-Auth-Token": Client(headers={"X-Auth-Token": raw}),
        "Proxy-Authorization": Client(headers={"Proxy-Authorization": f"Bearer {raw}"}),
        "X-Forwarded-User": Client(headers={"X-Forwarded-User": "ada", "Remote-User": "ada"}),
        "Basic": Client(headers={"Authorization": f"Basic {basic}"}),
        "Basic password": Client(headers={"Authorization": f"Basic {user_and_key}"}),
        "Token": Client(headers={"Authorization": f"Token {raw}"}),
        "raw": Client(headers={"Authorization": raw}),
        "cookie": with_cookies,
    }


@every_route
def test_b07_no_other_carrier_is_read(method: str, path: str, ada: User) -> None:
    _, raw = create_api_key(user=ada)
    for name, client in carriers(raw).items():
        response = send(client, method, address(path))
        assert (name, response.status_code) == (name, 401)
    for query in ("api_key", "access_token", "token", "key", "authorization"):
        response = send(Client(), method, f"{address(path)}?{query}={raw}")
        assert (query, response.status_code) == (query, 401)
    assert ApiKey.objects.get().last_used_at is None


def test_b07_a_key_in_the_body_or_form_is_none(ada: User) -> None:
    _, raw = create_api_key(user=ada)
    client = Client()
    assert client.post("/api/v1/documents", {"access_token": raw, "collection": "x"}).status_code == 401
    body = {"access_token": raw, "query": "holiday"}
    assert client.post("/api/v1/search", body, content_type="application/json").status_code == 401


def test_b07_the_one_carrier_follows_one_policy(alice: User) -> None:
    """The scheme's case does not matter (RFC 9110), and a session beside the key changes nothing."""
    _, raw = create_api_key(user=alice, read_only=True, scopes=["documents:read"])
    signed_in = Client()
    signed_in.force_login(alice)
    for client, scheme in [(Client(), "Bearer"), (Client(), "bearer"), (signed_in, "Bearer")]:
        headers = {"Authorization": f"{scheme} {raw}"}
        assert client.get("/api/v1/documents", headers=headers).status_code == 200
        assert_problem(client.get("/api/v1/conversations", headers=headers), 403, "scope_missing")
        assert_problem(client.delete(f"/api/v1/documents/{uuid4()}", headers=headers), 403, "scope_missing")


def test_b07_a_key_opens_no_page(alice: User) -> None:
    _, raw = create_api_key(user=alice)
    for path in ("/", "/knowledge/", "/settings/keys/", "/console/"):
        assert bearer(raw).get(path).status_code in {302, 404}
        assert "/accounts/login/" in bearer(raw).get(path)["Location"]


def test_a17_keys_have_256_random_bits_each_and_are_stored_as_digests(alice: User) -> None:
    raws = [create_api_key(user=alice)[1] for _ in range(50)]
    assert len({raw[3:9] for raw in raws}) > 45  # nothing is shared: no time, no machine, no counter
    assert all(len(raw) == 46 and raw.startswith("ca_") for raw in raws)
    stored = str(list(ApiKey.objects.values()))
    assert not any(raw[12:] in stored for raw in raws)


def test_a17_no_other_secret_of_the_product_is_a_key(alice: User) -> None:
    key, raw = create_api_key(user=alice)
    client = Client()
    client.force_login(alice)
    client.get("/")
    others: list[Any] = [
        client.session.session_key,
        client.cookies["csrftoken"].value if "csrftoken" in client.cookies else "x" * 32,
        settings.SECRET_KEY,
        settings.METRICS_TOKEN or "metrics",
        key.digest,
        key.prefix,
        str(key.pk),
        str(alice.pk),
        raw[:-1],
        raw + "x",
        raw.upper(),
        raw.removeprefix("ca_"),
    ]
    for secret in others:
        assert_problem(bearer(secret).get("/api/v1/documents"), 401, "unauthenticated")
    assert bearer(raw).get("/api/v1/documents").status_code == 200


def test_a17_a_key_is_no_session_and_no_metrics_token(alice: User) -> None:
    _, raw = create_api_key(user=alice)
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = raw
    assert client.get("/settings/keys/").status_code == 302
    outside = Client(headers={"Authorization": f"Bearer {raw}", "X-Forwarded-For": "8.8.8.8"}, REMOTE_ADDR="8.8.8.8")
    assert outside.get("/metrics").status_code in {401, 403, 404}


def test_a17_revoked_expired_and_disabled_keys_answer_the_same_as_none(alice: User, bob: User, ada: User) -> None:
    revoked, raw_revoked = create_api_key(user=alice)
    revoke_api_key(key=revoked, actor=alice)
    _, raw_expired = create_api_key(user=alice, expires_at=timezone.now() - timedelta(seconds=1))
    _, raw_disabled = create_api_key(user=bob)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    answers = [bearer(raw).get("/api/v1/documents") for raw in ("ca_made-up", raw_revoked, raw_expired, raw_disabled)]
    assert {(one.status_code, one.content, one["WWW-Authenticate"]) for one in answers} == {
        (401, answers[0].content, "Bearer")
    }


def test_b16_guesses_of_keys_are_limited_whatever_address_they_claim(alice: User) -> None:
    _, raw = create_api_key(user=alice)
    statuses = []
    for number in range(1000):
        claimed = f"10.{number // 250}.{number % 250}.7"
        client = bearer(f"ca_guess{number}", **{"X-Forwarded-For": claimed, "X-Real-Ip": claimed, "Forwarded": claimed})
        response = client.get("/api/v1/documents")
        statuses.append(response.status_code)
    assert statuses[:FAILED_KEYS_BURST] == [401] * FAILED_KEYS_BURST
    assert statuses.count(401) < FAILED_KEYS_BURST + 200  # what is refilled while this runs
    assert statuses[-1] == 429
    assert int(response["Retry-After"]) >= 1
    assert_problem(response, 429, "rate_limited")
    # A good key is never refused for its neighbours, and does not reset what they did.
    assert bearer(raw).get("/api/v1/documents").status_code == 200
    assert bearer("ca_guess").get("/api/v1/documents").status_code in {401, 429}
    last = [bearer("ca_guess").get("/api/v1/documents").status_code for _ in range(10)]
    assert 429 in last


def test_a_key_tells_when_and_from_where_it_was_used(alice: User) -> None:
    _, raw = create_api_key(user=alice)
    bearer(raw, **{"X-Forwarded-For": "6.6.6.6"}).get("/api/v1/documents")
    key = ApiKey.objects.get()
    assert key.last_used_at is not None
    assert key.last_used_from == "127.0.0.1"


def test_every_answer_to_a_key_carries_its_limits(alice: User, api: Api) -> None:
    client = api(alice)
    first, second = client.get("/api/v1/documents"), client.get("/api/v1/nothing")
    for response in (first, second):
        assert response["RateLimit-Policy"] == '"user-requests-minute";q=600;w=60;qu="requests"'
        assert response["RateLimit"].startswith('"user-requests-minute";r=59')
    assert "RateLimit" not in Client().get("/api/v1/documents")


def test_too_many_requests_of_one_key_leave_the_other_person_alone(alice: User, bob: User) -> None:
    _, raw = create_api_key(user=alice, requests_per_minute=3)
    _, other = create_api_key(user=bob)
    answers = [bearer(raw, **{"X-Forwarded-For": f"9.9.9.{n}"}).get("/v1/models") for n in range(5)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    assert_problem(answers[-1], 429, "rate_limited")
    assert answers[-1].json()["error"]["code"] == "rate_limited"
    assert 1 <= int(answers[-1]["Retry-After"]) <= 20
    assert '"key-requests-minute";r=0' in answers[-1]["RateLimit"]
    assert bearer(other).get("/v1/models").status_code == 200


def test_a_key_asks_for_no_more_than_its_maker_may(alice: User, api: Api) -> None:
    User.objects.filter(pk=alice.pk).update(roles=[Role.EMPLOYEE.value])
    client: Any = api(alice)
    assert_problem(client.put("/api/v1/routes/default", b"{}", content_type="application/json"), 403, "forbidden")


def test_a17_the_linter_refuses_ids_that_can_be_guessed() -> None:
    source = "import uuid\n\nKEY = uuid.uuid1()\n"
    ruff = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--select",
        "TID251",
        "--stdin-filename",
        "chatapp/x.py",
        "-",
    ]
    found = subprocess.run(ruff, input=source, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "uuid1" in found.stdout
