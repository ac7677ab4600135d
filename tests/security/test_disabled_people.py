"""Every way in, with the credentials of somebody whose account was closed a moment ago."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from chatapp.accounts import services as accounts
from chatapp.accounts.models import User
from chatapp.api.urls import openai_api, product_api
from chatapp.conversations import services as conversations
from chatapp.conversations.models import Conversation, Generation, Status
from chatapp.conversations.queue import claim_next
from chatapp.conversations.tests.conftest import scripted
from chatapp.inference.models import ModelVersion
from chatapp.retrieval.tasks import search_passages

__all__ = ["scripted"]
pytestmark = pytest.mark.django_db(transaction=True)
PAGES = ["/", "/conversations/", "/knowledge/", "/settings/keys/", "/settings/sessions/"]


def calls() -> list[tuple[str, str]]:
    found = []
    for prefix, api in (("/v1", openai_api), ("/api/v1", product_api)):
        for bound in api._get_bound_routers():
            for path, view in bound.path_operations.items():
                address = f"{prefix}/{bound.prefix}/{path}".replace("//", "/").replace("//", "/").rstrip("/")
                found += [(operation.methods[0], address) for operation in view.operations]
    return sorted(set(found))


def filled(address: str) -> str:
    parts = [
        part if "{" not in part else str(uuid4()) if "uuid" in part or "_id" in part else "x"
        for part in address.split("/")
    ]
    return "/".join(parts)


def test_b06_session_key_and_what_waits_are_refused(alice: User, ada: User, scripted: ModelVersion) -> None:
    page, (_, raw) = Client(), accounts.create_api_key(user=alice)
    page.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    waiting = conversations.post_message(user=alice, text="hello", message_id=uuid4(), conversation_id=None)
    accounts.disable_user(user=alice, actor=ada, reason="left")
    before = Conversation.objects.values_list("updated_at").get()

    for path in [*PAGES, f"/c/{waiting.message.conversation_id}/"]:
        assert page.get(path).status_code == 302, path
    form: dict[str, Any] = {"text": "again", "message": str(uuid4()), "conversation": str(uuid4())}
    assert page.post("/messages/", form).status_code in {302, 401}
    for method, address in calls():
        answer = Client().generic(method, filled(address), headers={"Authorization": f"Bearer {raw}"})
        assert answer.status_code == 401, (method, address)

    assert Generation.objects.get().status == Status.STOPPED
    assert claim_next(worker="w", version_ids=[scripted.pk]) is None
    assert search_passages(str(alice.pk), "plan", None, 5) == []
    assert Conversation.objects.values_list("updated_at").get() == before


def test_b06_a_wrong_and_a_closed_credential_are_answered_alike(alice: User, ada: User) -> None:
    _, raw = accounts.create_api_key(user=alice)
    accounts.disable_user(user=alice, actor=ada, reason="left")
    closed = Client().get("/api/v1/conversations", headers={"Authorization": f"Bearer {raw}"})
    wrong = Client().get("/api/v1/conversations", headers={"Authorization": "Bearer ca_wrong"})
    assert (closed.status_code, closed.content) == (wrong.status_code, wrong.content)
