"""The channel layer with an end to every wait: a socket opens, works and closes also while Redis is away or hangs.

Then it only misses events for all pages of a user; its subscriptions are made as soon as Redis is back.
"""

import asyncio
import uuid
from contextlib import suppress
from typing import Any

import structlog
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis.exceptions import RedisError

from chatapp.metrics import count_fault

PATIENCE_SECONDS = 1.0
RETRY_SECONDS = 1.0
_AWAY = (RedisError, OSError)  # A TimeoutError is an OSError.
log = structlog.get_logger(__name__)


class PatientChannelLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._retries: set[asyncio.Task[None]] = set()

    async def new_channel(self, prefix: str = "specific.") -> str:
        layer = self._get_layer()
        channel = f"{layer.prefix}{prefix}{uuid.uuid4().hex}"
        layer.channels[channel] = asyncio.Queue()
        await self._subscribe(channel)
        return channel

    async def receive(self, channel: str) -> Any:
        channels = self._get_layer().channels
        try:
            return self.deserialize(await channels[channel].get())
        except BaseException:  # The consumer ends; it must not wait for Redis to hear of it.
            if channels.pop(channel, None) is not None:
                self._in_background(self._unsubscribe(channel))
            raise

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """Raises RedisError, TimeoutError."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._get_layer().send(channel, message)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Raises RedisError, TimeoutError."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._get_layer().group_send(group, message)

    async def group_add(self, group: str, channel: str) -> None:
        layer = self._get_layer()
        name = self._name_of(group)
        layer.groups.setdefault(name, set()).add(channel)
        await self._subscribe(name)

    async def group_discard(self, group: str, channel: str) -> None:
        layer = self._get_layer()
        name = self._name_of(group)
        members = layer.groups.get(name, set())
        members.discard(channel)
        if not members and layer.groups.pop(name, None) is not None:
            self._in_background(self._unsubscribe(name))

    # The layer beneath keeps these to itself, and waits for Redis in all that it shows.

    def _name_of(self, group: str) -> str:
        return str(self._get_layer()._get_group_channel_name(group))  # noqa: SLF001

    def _shard_of(self, name: str) -> Any:
        return self._get_layer()._get_shard(name)  # noqa: SLF001

    async def _subscribe(self, name: str) -> None:
        if not await self._try_to_subscribe(name):
            count_fault("redis_lost")
            self._in_background(self._subscribe_later(name))

    async def _try_to_subscribe(self, name: str) -> bool:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._shard_of(name).subscribe(name)
        except _AWAY as error:
            log.warning("not_subscribed", reason=type(error).__name__)
            return False
        return True

    async def _subscribe_later(self, name: str) -> None:
        layer, is_done = self._get_layer(), False
        while not is_done and (name in layer.channels or name in layer.groups):
            await asyncio.sleep(RETRY_SECONDS)
            is_done = await self._try_to_subscribe(name)

    async def _unsubscribe(self, name: str) -> None:
        layer = self._get_layer()
        with suppress(*_AWAY):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._shard_of(name).unsubscribe(name)
        if name in layer.groups:  # Somebody has joined it meanwhile.
            await self._subscribe(name)

    def _in_background(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._retries.add(task)
        task.add_done_callback(self._retries.discard)
