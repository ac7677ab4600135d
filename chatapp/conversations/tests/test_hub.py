"""The reader of a web process: it outlives its callers and believes the database when Redis is silent."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext
from channels.db import database_sync_to_async
from redis.exceptions import ConnectionError as RedisConnectionError

from chatapp.accounts.models import User
from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.streams import hub as hub_module
from chatapp.conversations.streams.entries import entry_id, fields, stream_key
from chatapp.conversations.streams.hub import Hub
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.conversations.tests.conftest import Ask
from chatapp.redis import redis_client

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


def write(generation: Generation, seq: int, text: str, kind: Any = "text") -> None:
    redis_client().xadd(stream_key(generation.id), fields(kind, text), id=entry_id(1, seq))


async def until_text(answer: LiveAnswer, text: str) -> None:
    version = -1
    while answer.text != text:
        version = await answer.changed(version)


async def start(alice: User, ask: Ask) -> Generation:
    """A generation whose stream has begun, with "one " in it."""
    generation: Generation = await database_sync_to_async(ask)(alice)
    await database_sync_to_async(Generation.objects.update)(status=Status.ANSWERING, attempt=1)
    write(generation, 0, "", "fence")
    write(generation, 1, "one ")
    return generation


class Flaky:
    """The reader's client, of which the first calls fail or never return."""

    def __init__(self, client: Any, *, failures: int, hangs: bool = False) -> None:
        self.client, self.failures, self.hangs, self.calls = client, failures, hangs, 0

    async def xread(self, *arguments: Any, **options: Any) -> Any:
        self.calls += 1
        if self.calls > self.failures:
            return await self.client.xread(*arguments, **options)
        if self.hangs:
            await asyncio.Event().wait()
        raise RedisConnectionError

    async def aclose(self) -> None:
        await self.client.aclose()


async def test_many_answers_are_read_together(alice: User, ask: Ask) -> None:
    hub, generation = Hub(), await start(alice, ask)
    async with hub.follow(generation) as answer, hub.follow(generation) as same:
        assert answer is same
        await asyncio.wait_for(until_text(answer, "one "), 30)
        write(generation, 2, "two")
        await asyncio.wait_for(until_text(answer, "one two"), 30)
    await hub.close()


@pytest.mark.parametrize("hangs", [False, True])
async def test_the_reader_outlives_a_redis_that_fails_or_goes_silent(
    alice: User, ask: Ask, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    monkeypatch.setattr(hub_module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(hub_module, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(hub_module, "BLOCK_SECONDS", 0.1)
    hub, generation = Hub(), await start(alice, ask)
    hub._reader = flaky = Flaky(hub._reader, failures=3, hangs=hangs)
    async with hub.follow(generation) as answer:
        await asyncio.wait_for(until_text(answer, "one "), 30)
    assert flaky.calls > 3
    await hub.close()


async def test_a_redis_that_hangs_holds_up_no_follower_and_no_end(alice: User, ask: Ask) -> None:
    class Hung:
        def pipeline(self, **_: Any) -> "Hung":
            return self

        def xadd(self, *_: Any, **__: Any) -> None:
            pass

        expire = xadd

        async def execute(self) -> None:
            await asyncio.Event().wait()

        async def aclose(self) -> None:
            await asyncio.Event().wait()

    hub, generation = Hub(), await start(alice, ask)
    hub._writer = Hung()
    async with asyncio.timeout(30):
        for _ in range(5):
            hub._is_blocked = True
            async with hub.follow(generation):
                pass
        await hub.close()


async def test_behind_a_hole_the_database_and_then_the_stream_go_on(alice: User, ask: Ask) -> None:
    hub, generation = Hub(), await start(alice, ask)
    async with hub.follow(generation) as answer:
        await asyncio.wait_for(until_text(answer, "one "), 30)
        write(generation, 3, "three ")  # The second was trimmed, or lost.
        write(generation, 4, "four")
        checkpoint = {"checkpoint": "one two three ", "checkpoint_seq": 3}
        await database_sync_to_async(Generation.objects.update)(**checkpoint)
        await asyncio.wait_for(until_text(answer, "one two three four"), 30)
    await hub.close()


async def test_who_has_just_queued_an_answer_asks_the_database_nothing(
    alice: User, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise AssertionError

    hub, generation = Hub(), await start(alice, ask)
    monkeypatch.setattr(hub_module, "load_live_states", fail)
    async with hub.follow(generation, is_new=True) as answer:
        await asyncio.wait_for(until_text(answer, "one "), 30)
    await hub.close()


async def test_an_answer_that_was_refused_at_once_has_ended_for_its_follower(alice: User, ask: Ask) -> None:
    hub, generation = Hub(), await start(alice, ask)
    generation.status = Status.BLOCKED
    async with hub.follow(generation, is_new=True) as answer:
        assert answer.ended
    await hub.close()
