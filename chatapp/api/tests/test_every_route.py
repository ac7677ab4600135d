"""Generated over all routes: a new endpoint is covered from its first commit."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.test import Client

from chatapp.accounts.models import ApiKey, User
from chatapp.api.tests.conftest import Api, assert_problem, send
from chatapp.api.urls import openai_api, product_api

# POST that changes nothing: a read-only key may send it.
ONLY_READS = {"/api/v1/search", "/v1/embeddings"}
# "Claim next" needs nothing to be told.
TAKES_NO_BODY = {"/api/v1/flags/next"}
BODIES = [b"", b"{", b"null", b"[]", b"7", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b'{"x": NaN}']


def operations() -> Iterator[tuple[str, str]]:
    for prefix, api in (("/v1", openai_api), ("/api/v1", product_api)):
        for bound in api._get_bound_routers():
            for path, view in bound.path_operations.items():
                template = re.sub(r"/+", "/", f"{prefix}/{bound.prefix}/{path}").rstrip("/")
                for operation in view.operations:
                    yield operation.methods[0], re.sub(r"\{(?:\w+:)?(\w+)\}", r"{\1}", template)


def address(template: str) -> str:
    return (
        re.sub(r"\{\w+_id\}", str(uuid4()), template)
        .replace("{name}", "unknown")
        .replace("{slug}", "unknown")
        .replace("{number}", "1")
    )


ROUTES = sorted(set(operations()))
WRITES = [route for route in ROUTES if route[0] != "GET"]
LISTS = sorted({path for method, path in ROUTES if method == "GET" and "{" not in path and path.startswith("/api/")})
every_route = pytest.mark.parametrize("method,path", ROUTES, ids=map(" ".join, ROUTES))
every_write = pytest.mark.parametrize("method,path", WRITES, ids=map(" ".join, WRITES))


def test_the_list_is_whole() -> None:
    assert len(ROUTES) >= 30
    assert {
        ("POST", "/v1/chat/completions"),
        ("POST", "/api/v1/documents"),
        ("POST", "/api/v1/generations/{generation_id}/stop"),
    } <= set(ROUTES)


@pytest.mark.django_db
@every_route
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic YWxpY2U6eA==", "bearer\x00"])
def test_without_a_key_nothing_is_told(method: str, path: str, header: str | None) -> None:
    client = Client(headers={} if header is None else {"Authorization": header})
    response = send(client, method, address(path), b"{ not json")
    assert_problem(response, 401, "unauthenticated")
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.django_db
@every_route
def test_a_session_is_no_key(method: str, path: str, alice: User) -> None:
    client = Client()
    client.force_login(alice)
    assert_problem(send(client, method, address(path)), 401, "unauthenticated")


@pytest.mark.django_db
@every_route
def test_the_key_of_a_disabled_user_is_dead(method: str, path: str, alice: User, api: Api) -> None:
    client = api(alice)
    User.objects.update(is_active=False)
    assert_problem(send(client, method, address(path)), 401, "unauthenticated")


@pytest.mark.django_db
@every_write
def test_a_read_only_key_changes_nothing(method: str, path: str, ada: User, api: Api) -> None:
    response = send(api(ada, read_only=True), method, address(path), b"{ not json")
    if path in ONLY_READS:
        assert_problem(response, 400, "invalid")
    else:
        assert_problem(response, 403, "read_only_key")


@pytest.mark.django_db
@every_route
def test_mallory_gets_nothing_of_others(method: str, path: str, mallory: User, alice: User, api: Api) -> None:
    response = send(api(mallory), method, address(path), b"{}" if method != "GET" else None)
    if method == "GET" and response.status_code == 200:
        assert (response.json().get("items") or response.json().get("data") or []) == []
    else:
        assert response.status_code in {400, 403, 404}
        assert response["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
@every_write
@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:8]))
def test_e09_a_malformed_body_is_a_400(method: str, path: str, body: bytes, ada: User, api: Api) -> None:
    response = send(api(ada), method, address(path), body)
    if path in TAKES_NO_BODY:
        assert response.status_code == 204
        return
    assert response.status_code in {400, 404}
    assert response.json()["code"] in {"invalid", "not_found"}


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "limit=-1", "cursor=made-up", "cursor=MDAwMQ=="])
@pytest.mark.parametrize("path", LISTS)
def test_a_list_refuses_wrong_limits_and_cursors(path: str, query: str, ada: User, api: Api) -> None:
    response = api(ada).get(f"{path}?{query}")
    assert_problem(response, 400, "invalid")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/v1/", "/v1/nothing", "/api/v1/", "/api/v1/nothing", "/api/v2/documents", "/api/"])
def test_an_unknown_address_is_a_problem_too(path: str, alice: User, api: Api) -> None:
    assert_problem(Client().post(path), 401, "unauthenticated")
    assert_problem(api(alice).get(path), 404, "not_found")
    assert_problem(api(alice).post(path), 404, "not_found")


@pytest.mark.django_db
def test_a_wrong_method_is_a_problem_too(alice: User, api: Api) -> None:
    response = api(alice).put("/api/v1/documents")
    assert_problem(response, 405, "method_not_allowed")
    assert "GET" in response["Allow"]


@pytest.mark.django_db
def test_only_the_digest_of_a_key_works_as_one(alice: User, api: Api) -> None:
    api(alice)
    digest = ApiKey.objects.get().digest
    assert Client(headers={"Authorization": f"Bearer {digest}"}).get("/v1/models").status_code == 401


@pytest.mark.django_db
def test_the_description_names_every_route_and_its_errors() -> None:
    schema = Client().get("/api/v1/openapi.json").json()
    assert schema["openapi"].startswith("3.")
    assert "/api/v1/generations/{generation_id}/stop" in schema["paths"]
