"""A frame about somebody else's answer is refused and written down, like the page and the API."""

import json
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async

from chatapp.accounts.models import User
from chatapp.conversations.models import Generation
from chatapp.conversations.tests.conftest import Ask
from chatapp.conversations.tests.test_socket import opened
from tests.security.denials import denials

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kind", ["subscribe", "stop"])
async def test_a01_a02_a_frame_about_a_foreign_answer_leaves_one_event(
    kind: str, alice: User, mallory: User, ask: Ask
) -> None:
    generation = await database_sync_to_async(ask)(alice, "rate=200 tokens=5")
    socket = await opened(mallory)
    for asked in (generation.id, uuid4()):
        await socket.send(json.dumps({"type": kind, "generation": str(asked)}))
        answer = await socket.next_frame()
        assert (answer["type"], answer["code"]) == ("error", "not_found")
        event = (await database_sync_to_async(denials)(mallory))[-1]
        assert (event.object_id, event.detail["method"], event.detail["status"]) == (str(asked), kind, 404)
        assert event.origin["process"] == "socket"
    assert len(await database_sync_to_async(denials)(mallory)) == 2
    await database_sync_to_async(generation.refresh_from_db)()
    assert not generation.stop_requested
    assert await database_sync_to_async(Generation.objects.count)() == 1
    await socket.disconnect()
