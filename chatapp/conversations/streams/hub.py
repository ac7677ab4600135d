"""The web process's side: ONE reader multiplexes the streams of all answers that its sockets and API calls watch."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async
from redis.exceptions import RedisError

from chatapp.conversations.metrics import STREAM_LAG, STREAM_READERS
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.selectors import load_live_states
from chatapp.conversations.streams.entries import Fields, entry_id, parse_entry, stream_key
from chatapp.conversations.streams.live_answer import LiveAnswer
from chatapp.redis import async_client

BLOCK_SECONDS = 10.0
# Beyond its block a read is given up: the other end may have gone without a word.
PATIENCE_SECONDS = 5.0
POLL_SECONDS = 1.0
RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 5.0
# Between two reads, so that one read brings what came of many answers; longer while followers cannot keep up.
REST_SECONDS = 0.02
LONGEST_REST_SECONDS = 0.1
# Of each stream in one read: a follower that comes late to a long answer does not hold up the others.
READ_ENTRIES = 500
COURTESY_SECONDS = 0.5
log = structlog.get_logger(__name__)


class Hub:
    def __init__(self) -> None:
        self._answers: dict[UUID, LiveAnswer] = {}
        self._followers: Counter[UUID] = Counter()
        self._wake_key = f"hub:{uuid.uuid4()}"
        self._wake_id = "0-0"
        self._is_blocked = False
        self._reader = async_client()
        self._writer = async_client()
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def follow(self, generation: Generation, *, is_new: bool = False) -> AsyncIterator[LiveAnswer]:
        """The shared state of the answer, kept up to date while the context is open. Rights are the caller's affair.

        `is_new`: the caller has just queued it, so its stream tells all that the database could.
        """
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
            if is_new:
                answer.set_state(generation.status, None)
            else:
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
        """Ends within seconds, whatever Redis does."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=COURTESY_SECONDS)
        for client in (self._reader, self._writer):
            with suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(COURTESY_SECONDS):
                    await client.aclose()

    @property
    def following(self) -> int:
        return len(self._answers)

    async def _interrupt_reader(self) -> None:
        """A blocked XREAD does not see new streams: an entry in its control stream makes it return."""
        if not self._is_blocked:
            return  # It looks at all answers when it reads next.
        self._is_blocked = False
        wake = self._writer.pipeline(transaction=False)
        wake.xadd(self._wake_key, {"k": "wake"}, maxlen=1, approximate=False)
        wake.expire(self._wake_key, 60)
        try:
            async with asyncio.timeout(COURTESY_SECONDS):
                await wake.execute()
        except (RedisError, OSError) as error:  # TimeoutError is an OSError.
            log.warning("reader_not_interrupted", reason=type(error).__name__)

    async def _read(self) -> None:
        rest, retry = REST_SECONDS, RETRY_SECONDS
        while True:
            brought_text = True
            try:
                brought_text = await self._read_once()
                retry = RETRY_SECONDS
            except Exception as error:  # noqa: BLE001 - without its reader a web process would stand still
                log.warning("stream_read_failed", reason=type(error).__name__)
                await asyncio.sleep(retry)
                retry = min(2 * retry, LONGEST_RETRY_SECONDS)
            if brought_text:  # A new follower, or what comes before the first words, is followed by them at once.
                rest = await _rest(rest)

    async def _read_once(self) -> bool:
        """Whether there was text among what came."""
        by_key = {stream_key(answer.generation_id): answer for answer in self._answers.values() if not answer.ended}
        places = {key: entry_id(*answer.read) for key, answer in by_key.items()}
        streams = {self._wake_key: self._wake_id, **places}
        self._is_blocked = True
        try:
            async with asyncio.timeout(BLOCK_SECONDS + PATIENCE_SECONDS):
                found = await self._reader.xread(streams, count=READ_ENTRIES, block=int(1000 * BLOCK_SECONDS))
        finally:
            self._is_blocked = False
        brought_text = False
        for key, entries in found:
            if key == self._wake_key:
                self._wake_id = entries[-1][0]
            elif key in by_key:
                brought_text |= _apply(by_key[key], entries)
        return brought_text

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


def _apply(answer: LiveAnswer, entries: list[tuple[str, Fields]]) -> bool:
    """Whether there was text among them."""
    taken = [parse_entry(raw_id, raw) for raw_id, raw in entries]
    for entry in taken:
        answer.apply(entry)
    STREAM_LAG.observe(max(0.0, time.time() - taken[-1].appended_at))
    return any(entry.kind == "text" for entry in taken)


async def _rest(seconds: float) -> float:
    """How long to rest the next time: what the followers take of the loop shows in how late this one ends."""
    begun = time.monotonic()
    await asyncio.sleep(seconds)
    late = time.monotonic() - begun - seconds
    return min(REST_SECONDS + 2 * late, LONGEST_REST_SECONDS)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def get_hub() -> Hub:
    """The hub of the running event loop; a web process has one."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())
