"""The web process's side: ONE reader multiplexes the streams of all answers that its sockets and API calls watch."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async
from redis.exceptions import RedisError

from chatapp.conversations.metrics import STREAM_LAG, STREAM_READERS
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.selectors import load_live_states
from chatapp.conversations.streams.entries import entry_id, parse_entry, stream_key
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.conversations.streams.redis import async_client

BLOCK_MILLISECONDS = 10_000
POLL_SECONDS = 1.0
RETRY_SECONDS = 0.5
log = structlog.get_logger(__name__)


class Hub:
    def __init__(self) -> None:
        self._answers: dict[UUID, LiveAnswer] = {}
        self._followers: Counter[UUID] = Counter()
        self._wake_key = f"hub:{uuid.uuid4()}"
        self._wake_id = "0-0"
        self._reader = async_client()
        self._writer = async_client()
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def follow(self, generation: Generation) -> AsyncIterator[LiveAnswer]:
        """The shared state of the answer, kept up to date while the context is open. Rights are the caller's affair."""
        answer = self._answers.setdefault(generation.id, LiveAnswer(generation.id, generation.message_id))
        self._followers[generation.id] += 1
        STREAM_READERS.inc()
        if not self._tasks:
            # In a context of their own: that of the first caller holds the thread of its request, which ends with it.
            self._tasks = [
                asyncio.create_task(self._read(), context=Context()),
                asyncio.create_task(self._poll(), context=Context()),
            ]
        try:
            await self._refresh([answer], patience=0)
            await self._interrupt_reader()
            yield answer
        finally:
            STREAM_READERS.dec()
            self._followers[generation.id] -= 1
            if not self._followers[generation.id]:
                del self._followers[generation.id]
                self._answers.pop(generation.id, None)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._reader.aclose()
        await self._writer.aclose()

    @property
    def following(self) -> int:
        return len(self._answers)

    async def _interrupt_reader(self) -> None:
        """A blocked XREAD does not see new streams: an entry in its control stream makes it return."""
        try:
            await self._writer.xadd(self._wake_key, {"k": "wake"}, maxlen=1, approximate=False)
            await self._writer.expire(self._wake_key, 60)
        except RedisError as error:
            log.warning("reader_not_interrupted", reason=type(error).__name__)

    async def _read(self) -> None:
        while True:
            try:
                await self._read_once()
            except (RedisError, OSError) as error:
                log.warning("stream_read_failed", reason=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _read_once(self) -> None:
        by_key = {stream_key(answer.generation_id): answer for answer in self._answers.values() if not answer.ended}
        places = {key: entry_id(*answer.read) for key, answer in by_key.items()}
        streams = {self._wake_key: self._wake_id, **places}
        for key, entries in await self._reader.xread(streams, block=BLOCK_MILLISECONDS):
            if key == self._wake_key:
                self._wake_id = entries[-1][0]
            elif key in by_key:
                taken = [parse_entry(raw_id, raw) for raw_id, raw in entries]
                for entry in taken:
                    by_key[key].apply(entry)
                STREAM_LAG.observe(max(0.0, time.time() - taken[-1].appended_at))

    async def _poll(self) -> None:
        """Finds what Redis did not tell: queue places, lost ends, checkpoints ahead of a lost stream."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._refresh(list(self._answers.values()), patience=1)
            except Exception as error:  # noqa: BLE001 - the database may be away; the poll must outlive that
                log.warning("poll_failed", reason=type(error).__name__)

    async def _refresh(self, answers: list[LiveAnswer], *, patience: int) -> None:
        waiting = {answer.generation_id: answer for answer in answers if not answer.ended}
        if not waiting:
            return
        found = await database_sync_to_async(load_live_states, thread_sensitive=False)(list(waiting))
        for generation_id, answer in waiting.items():
            state = found.get(generation_id)
            if state is None:
                answer.set_state(Status.FAILED, None)
                continue
            generation, place = state
            if generation.is_live and (generation.checkpoint_seq or answer.gap):
                answer.adopt_checkpoint(
                    attempt=generation.attempt, seq=generation.checkpoint_seq, text=generation.checkpoint
                )
            answer.set_state(generation.status, place, patience=patience)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def get_hub() -> Hub:
    """The hub of the running event loop; a web process has one."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
