"""Who somebody is comes from the session or the key alone, whatever else a request says."""

import json
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from django.conf import settings as django_settings
from django.test import Client
from django.urls import get_resolver

from chatapp.accounts.models import ApiKey, Role, User
from chatapp.accounts.services import create_api_key
from chatapp.asgi import application
from chatapp.conversations.models import Conversation, Generation
from chatapp.conversations.tests.conftest import scripted
from chatapp.inference.models import ModelVersion
from tests.architecture.test_access import patterns
from tests.sockets import SocketClient

__all__ = ["scripted"]
BACKEND = "django.contrib.auth.backends.ModelBackend"
NAMES = (
    *("x-user", "x-user-id", "x-username", "x-role", "x-roles", "x-team", "x-remote-user", "remote-user"),
    *("x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-auth-request-user", "x-auth-request-email"),
    *("x-authenticated-user", "x-webauth-user", "x-ms-client-principal-name", "x-original-user", "x-tenant"),
)
CLAIMS = ("user_id", "user", "owner", "owner_id", "role", "roles", "team", "groups", "is_staff", "as_user")


def headers_for(user: User) -> list[dict[str, str]]:
    return [dict.fromkeys(NAMES, value) for value in (user.username, str(user.pk), Role.ADMINISTRATOR.value)]


def claims_of(user: User) -> dict[str, Any]:
    return dict.fromkeys(CLAIMS, str(user.pk))


def bearer(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_api_key(user=user)[1]}"}


def families() -> list[str]:
    """One way into each family of routes that asks who it is."""
    return [
        *("/", "/conversations/", "/knowledge/", "/console/", "/console/users/", "/settings/keys/"),
        *("/api/v1/conversations", "/api/v1/audit", "/api/v1/users", "/v1/models", "/scim/v2/Users"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("path", families())
def test_b10_headers_let_nobody_in(path: str, ada: User) -> None:
    plain = Client().get(path)
    assert plain.status_code in {302, 401}
    for headers in headers_for(ada):
        claimed = Client().get(path, headers=headers)
        assert (claimed.status_code, claimed.get("Location")) == (plain.status_code, plain.get("Location"))


@pytest.mark.django_db
@pytest.mark.parametrize("path", families())
def test_b10_headers_make_nobody_somebody_else(path: str, mallory: User, ada: User) -> None:
    client = Client()
    client.force_login(mallory, backend=BACKEND)
    key = bearer(mallory) if path.startswith(("/api", "/v1", "/scim")) else {}
    plain = client.get(path, headers=key)
    for headers in headers_for(ada):
        claimed = client.get(path, headers={**key, **headers})
        assert claimed.status_code == plain.status_code
        assert claimed.wsgi_request.user == mallory
        assert "ada" not in claimed.content.decode().split()


@pytest.mark.django_db(transaction=True)
def test_b10_what_is_made_belongs_to_who_made_it(alice: User, mallory: User, scripted: ModelVersion) -> None:
    client = Client()
    client.force_login(mallory, backend=BACKEND)
    claims = claims_of(alice)
    form = {"text": "hello", "message": str(uuid4()), "conversation": str(uuid4()), **claims}
    posted = client.post("/messages/", form, headers=headers_for(alice)[0], query_params=claims)
    assert posted.status_code < 400
    chat = {"model": "scripted", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    for body in ({**chat, **claims}, {**chat, "user_id": str(alice.pk)}):
        refused = client.post("/v1/chat/completions", body, content_type="application/json", headers=bearer(mallory))
        assert refused.status_code == 400
    assert set(Conversation.objects.values_list("owner", flat=True)) == {mallory.pk}
    assert set(Generation.objects.values_list("user", flat=True)) == {mallory.pk}


@pytest.mark.django_db
def test_b10_a_key_is_made_for_who_asks(alice: User, mallory: User) -> None:
    client = Client()
    client.force_login(mallory, backend=BACKEND)
    client.post("/settings/keys/", {"name": "k", "expires": "30", **claims_of(alice)}, headers=headers_for(alice)[0])
    assert set(ApiKey.objects.values_list("user", flat=True)) <= {mallory.pk}


@pytest.mark.django_db
def test_b10_queries_show_nothing_of_others(alice: User, mallory: User) -> None:
    Conversation.objects.create(owner=alice, title="hers alone")
    response = Client().get("/api/v1/conversations", query_params=claims_of(alice), headers=bearer(mallory))
    assert response.json()["items"] == []
    renamed = Client().patch(
        f"/api/v1/conversations/{Conversation.objects.get().pk}",
        json.dumps({"title": "mine", **claims_of(mallory)}),
        content_type="application/json",
        headers=bearer(mallory),
    )
    assert renamed.status_code == 404
    assert Conversation.objects.get().title == "hers alone"


@pytest.mark.django_db(transaction=True)
def test_b10_a_socket_knows_the_session_alone(alice: User, mallory: User, scripted: ModelVersion) -> None:
    generation = Generation.objects.create(
        message=Conversation.objects.create(owner=alice).messages.create(role="assistant"),
        user=alice,
        route_id="default",
        max_tokens=5,
        deadline_at="2999-01-01T00:00Z",
    )

    async def attempt() -> tuple[bool, dict[str, Any]]:
        claimed = [(name.encode(), str(alice.pk).encode()) for name in NAMES]
        place = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
        stranger = SocketClient(application, "/ws/", [*place, *claimed])
        let_in = await stranger.connect()
        client = Client()
        await database_sync_to_async(client.force_login)(mallory, backend=BACKEND)
        cookie = f"{django_settings.SESSION_COOKIE_NAME}={client.cookies[django_settings.SESSION_COOKIE_NAME].value}"
        socket = SocketClient(application, "/ws/", [*place, (b"cookie", cookie.encode()), *claimed])
        assert await socket.connect()
        asked = {"type": "subscribe", "generation": str(generation.pk), "seq": 0, "protocol": 2, **claims_of(alice)}
        await socket.send(json.dumps(asked))
        frame = await socket.next_frame()
        await socket.disconnect()
        return let_in, frame

    let_in, frame = async_to_sync(attempt)()
    assert not let_in
    assert (frame["type"], frame["code"]) == ("error", "not_found")


def test_b20_no_administration_site_is_routed() -> None:
    assert not any("django.contrib.admin" in app for app in django_settings.INSTALLED_APPS)
    assert [route for route in patterns(get_resolver()) if "admin" in route] == []


@pytest.mark.django_db
@pytest.mark.parametrize("flags", [{"is_staff": True}, {"is_staff": True, "is_superuser": True}])
def test_b20_being_staff_gives_nothing(mallory: User, flags: dict[str, bool]) -> None:
    User.objects.filter(pk=mallory.pk).update(**flags)
    client, key = Client(), bearer(mallory)
    client.force_login(mallory, backend=BACKEND)
    for path in ("/admin/", "/admin/login/", "/console/", "/console/users/", "/console/policies/"):
        assert client.get(path).status_code == 404
        assert client.post(path, {"_selected_action": "1", "action": "delete_selected"}).status_code in {404, 405}
    for path in ("/api/v1/audit", "/api/v1/users", "/scim/v2/Users"):
        response = client.get(path, headers=key)
        assert response.status_code == 403 or response.json()["items"] == []
