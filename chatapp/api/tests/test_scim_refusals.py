"""Who may not call, and what is no SCIM: always an error in SCIM's shape, never a 500."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
from chatapp.api.tests.scim import PATCH, Directory

SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"
PATHS = ["/Users", "/Groups", "/Users/7", "/Groups/7", "/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/Bulk"]
BODIES: list[bytes] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"7",
    b"\xff\xfe",
    b"[" * 50_000,
    b'{"userName": {}}',
    b'{"userName": 7}',
]


def assert_refused(response: Any, status: int) -> None:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/scim+json"
    assert response.json()["schemas"] == [SCHEMA]
    assert response.json()["status"] == str(status)


@pytest.mark.django_db
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_strangers_and_people_without_the_right_learn_nothing(path: str, method: str, mallory: User) -> None:
    assert_refused(Client().generic(method, f"/scim/v2{path}"), 401)
    client = Client()
    client.force_login(mallory)
    assert_refused(client.generic(method, f"/scim/v2{path}"), 401)
    assert_refused(Directory(create_api_key(user=mallory)[1]).send(method, path, {"userName": "x"}), 403)
    assert User.objects.count() == 1


def test_a_key_that_may_only_read_changes_nothing(directory: Directory) -> None:
    account = User.objects.get(username="directory")
    reader = Directory(create_api_key(user=account, read_only=True)[1])
    assert reader.get("/Users")["totalResults"] == 0
    for method, path in (("POST", "/Users"), ("PATCH", "/Users/7"), ("DELETE", "/Groups/7"), ("PUT", "/Groups/7")):
        assert_refused(reader.send(method, path, {"userName": "x"}), 403)


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_none_is_refused(directory: Directory, body: bytes) -> None:
    made, group = directory.add_user("ann")["id"], directory.add_group("navy")["id"]
    for method, path in (
        ("POST", "/Users"),
        ("POST", "/Groups"),
        ("PUT", f"/Users/{made}"),
        ("PUT", f"/Groups/{group}"),
        ("PATCH", f"/Users/{made}"),
        ("PATCH", f"/Groups/{group}"),
    ):
        assert_refused(directory.send(method, path, body), 400)


@pytest.mark.parametrize(
    "operations",
    [
        None,
        [],
        [7],
        [{}],
        [{"op": "explode", "path": "active", "value": True}],
        [{"op": "replace", "path": "active", "value": "perhaps"}],
        [{"op": "replace", "path": "active[", "value": True}],
        [{"op": "replace", "path": 7, "value": True}],
        [{"op": "remove"}],
        [{"op": "remove", "path": "userName"}],
        [{"op": "replace", "path": "id", "value": "x"}],
        [{"op": "replace", "value": {"userName": []}}],
        [{"op": "replace", "path": "userName", "value": "   "}],
        [{"op": "replace", "path": "userName", "value": "x" * 151}],
        [{"op": "add", "path": "emails", "value": [{"value": {"deep": 1}}]}],
        [{"op": "add", "path": "title", "value": "x" * 40_000}],
    ],
)
def test_a_patch_that_makes_no_sense_changes_nothing(directory: Directory, operations: Any) -> None:
    made = directory.add_user("ann", title="Captain")
    response = directory.send("PATCH", f"/Users/{made['id']}", {"schemas": [PATCH], "Operations": operations})
    assert_refused(response, 400)
    assert directory.get(f"/Users/{made['id']}") == made


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": 'members[value eq "x"]', "value": 1},
        {"op": "remove", "path": 'members[value gt "x"]'},
        {"op": "remove", "path": "displayName"},
        {"op": "replace", "value": 7},
        {"op": "add", "path": "members", "value": [7]},
        {"op": "replace", "path": "displayName", "value": "x" * 151},
    ],
)
def test_a_patch_of_a_group_that_makes_no_sense_changes_nothing(directory: Directory, operation: Any) -> None:
    made = directory.add_group("navy")
    assert_refused(
        directory.send("PATCH", f"/Groups/{made['id']}", {"schemas": [PATCH], "Operations": [operation]}), 400
    )
    assert directory.get(f"/Groups/{made['id']}") == made


@pytest.mark.parametrize(
    "condition",
    [
        "userName",
        'userName eq "a',
        'userName like "a"',
        'password eq "x"',
        'userName eq "a" and',
        "(" * 5000,
        "not (" * 200 + "active pr" + ")" * 200,
        " or ".join(['userName eq "a"'] * 100),
        "active gt true",
        'active eq "perhaps"',
        'meta.created gt "yesterday"',
        'userName eq "a" or ' * 300 + "active pr",
        'user__password sw "a"',
        'emails[type eq "work" or value eq "x"]',
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(directory: Directory, condition: str) -> None:
    response = directory.send("GET", f"/Users?filter={quote(condition)}")
    assert_refused(response, 400)
    assert response.json()["scimType"] in {"invalidFilter", "invalidPath"}


@pytest.mark.parametrize(
    "query",
    [
        "startIndex=x",
        "count=x",
        "sortBy=password",
        "sortBy=nothing",
        "sortOrder=up",
        "filter=%00",
    ],
)
def test_parameters_that_make_no_sense_are_refused(directory: Directory, query: str) -> None:
    assert_refused(directory.send("GET", f"/Users?{query}"), 400)


def test_numbers_out_of_range_are_put_into_it(directory: Directory) -> None:
    directory.add_user("ann")
    assert directory.get("/Users?startIndex=0&count=1")["startIndex"] == 1
    assert directory.get("/Users?startIndex=-5&count=9999999999")["itemsPerPage"] == 1
    assert directory.get("/Users?count=-1")["itemsPerPage"] == 0
    assert directory.get("/Users?startIndex=99999999999999999999")["itemsPerPage"] == 0


def test_other_content_types_methods_and_large_bodies(directory: Directory, settings: Any) -> None:
    bearer = {"authorization": f"Bearer {directory.key}"}
    plain = directory.client.post("/scim/v2/Users", b"{}", content_type="text/plain", headers=bearer)
    assert_refused(plain, 415)
    json_too = directory.client.post(
        "/scim/v2/Users", b'{"userName": "a"}', content_type="application/json; charset=utf-8", headers=bearer
    )
    assert json_too.status_code == 201
    assert_refused(directory.send("DELETE", "/Users"), 405)
    assert_refused(directory.send("POST", "/Bulk", {}), 404)
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert_refused(directory.send("POST", "/Users", {"userName": "x" * 2000}), 413)


@pytest.mark.parametrize("query", ["' OR 1=1 --", '"; DROP TABLE accounts_user; --', "%", "\\"])
def test_d12_text_of_a_filter_is_never_sql(directory: Directory, query: str) -> None:
    directory.add_user("ann")
    text = query.replace("\\", "\\\\").replace('"', '\\"')
    for operator in ("eq", "sw", "co"):
        assert directory.find("Users", f'userName {operator} "{text}"') == []
    assert directory.get("/Users")["totalResults"] == 1


def test_the_service_describes_itself(directory: Directory) -> None:
    config = directory.get("/ServiceProviderConfig")
    assert [config[name]["supported"] for name in ("patch", "filter", "sort", "etag", "bulk")] == [True] * 4 + [False]
    kinds = {kind["name"]: kind for kind in directory.get("/ResourceTypes")["Resources"]}
    assert (kinds["User"]["endpoint"], kinds["Group"]["endpoint"]) == ("/Users", "/Groups")
    schemas = {schema["id"]: schema for schema in directory.get("/Schemas")["Resources"]}
    assert len(schemas) == 3
    assert "password" not in {one["name"] for one in schemas[kinds["User"]["schema"]]["attributes"]}
    for name, schema in schemas.items():
        assert directory.get(f"/Schemas/{name}") == schema
    assert directory.get("/ResourceTypes/User") == kinds["User"]
    directory.expect(404, "GET", "/Schemas/urn:none")
