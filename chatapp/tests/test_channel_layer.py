"""Sockets and events while Redis hangs."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from chatapp.channel_layer import PatientChannelLayer
from chatapp.redis import redis_client


def make(address: str) -> PatientChannelLayer:
    return PatientChannelLayer(hosts=[{"address": address, "socket_timeout": None, "socket_connect_timeout": 1}])


@pytest.fixture
def hung() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


async def receive(layer: PatientChannelLayer, channel: str) -> Any:
    return await asyncio.wait_for(layer.receive(channel), timeout=30)


async def test_members_of_a_group_get_what_is_sent_to_it() -> None:
    layer = make(settings.REDIS_URL)
    first, second, other = [await layer.new_channel() for _ in range(3)]
    await layer.group_add("alice", first)
    await layer.group_add("alice", second)
    await layer.group_add("bob", other)
    await layer.group_send("alice", {"type": "list.changed"})
    assert [await receive(layer, first), await receive(layer, second)] == [{"type": "list.changed"}] * 2
    await layer.group_discard("alice", first)
    await layer.group_send("alice", {"type": "again"})
    assert await receive(layer, second) == {"type": "again"}
    assert layer.channels[first].empty()
    assert layer.channels[other].empty()
    await layer.flush()


async def test_who_leaves_and_comes_back_at_once_still_gets_everything() -> None:
    layer = make(settings.REDIS_URL)
    channel = await layer.new_channel()
    for _ in range(20):
        await layer.group_add("alice", channel)
        await layer.group_discard("alice", channel)
    await layer.group_add("alice", channel)
    while layer._retries:
        await asyncio.gather(*layer._retries)
    await layer.group_send("alice", {"type": "there"})
    assert await receive(layer, channel) == {"type": "there"}
    await layer.flush()


async def test_a_hung_redis_keeps_no_socket_from_opening_and_closing(hung: str) -> None:
    layer = make(hung)

    async def open_and_close() -> None:
        channel = await layer.new_channel()
        await layer.group_add("alice", channel)
        waiting = asyncio.create_task(layer.receive(channel))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await layer.group_discard("alice", channel)

    await asyncio.wait_for(open_and_close(), timeout=30)
    with pytest.raises(OSError):
        await asyncio.wait_for(layer.group_send("alice", {"type": "x"}), timeout=30)
    for task in layer._retries:
        task.cancel()


async def test_subscriptions_are_made_when_redis_is_back() -> None:
    layer = make(settings.REDIS_URL)
    redis_client().execute_command("CLIENT", "PAUSE", "2500", "ALL")
    channel = await layer.new_channel()
    await layer.group_add("alice", channel)
    assert layer._retries
    await asyncio.wait_for(asyncio.gather(*layer._retries), timeout=60)
    await layer.group_send("alice", {"type": "there"})
    assert await receive(layer, channel) == {"type": "there"}
    await layer.flush()
