"""The reader of a web process: it outlives its callers and believes the database when Redis is silent."""

import asyncio

import pytest
from asgiref.sync import ThreadSensitiveContext
from channels.db import database_sync_to_async

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.streams.hub import Hub
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.conversations.tests.conftest import Ask

pytestmark = pytest.mark.django_db(transaction=True)


async def until_ended(answer: LiveAnswer) -> None:
    version = -1
    while not answer.ended:
        version = await answer.changed(version)


async def test_the_poll_outlives_the_request_that_started_the_hub(alice: User, ask: Ask) -> None:
    hub = Hub()
    generation = await database_sync_to_async(ask)(alice)
    async with ThreadSensitiveContext():
        following = hub.follow(generation)
        answer = await following.__aenter__()
    await database_sync_to_async(services.request_stop)(user=alice, generation_id=generation.id)
    await asyncio.wait_for(until_ended(answer), timeout=10)
    assert answer.status == Status.STOPPED
    await following.__aexit__(None, None, None)
    assert hub.following == 0
    await hub.close()


async def test_text_that_redis_never_told_comes_from_the_database(alice: User, ask: Ask) -> None:
    hub = Hub()
    generation = await database_sync_to_async(ask)(alice)
    shown = {"status": Status.ANSWERING, "attempt": 1, "checkpoint": "half an ", "checkpoint_seq": 3}
    await database_sync_to_async(Generation.objects.update)(**shown)
    async with hub.follow(generation) as answer:
        assert answer.text == "half an "
    await hub.close()
