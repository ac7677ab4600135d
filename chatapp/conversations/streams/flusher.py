"""The worker's side: one thread appends the text of all its answers in one pipelined batch."""

import queue
import threading
import time
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from redis.exceptions import RedisError, ResponseError

from chatapp.conversations.streams.entries import EXPIRY_SECONDS, Fields, Kind, entry_id, fields, stream_key
from chatapp.conversations.streams.redis import redis_client

BATCH_SECONDS = 0.01
log = structlog.get_logger(__name__)


@dataclass
class LiveWriter:
    """Writes the stream of one attempt. `seq` is the last entry handed over.

    `lost`: Redis forgot the stream or refused the connection; `resync` starts it anew. `fenced`: a newer attempt
    or the sweeper took over, and nothing that this writer sends will be kept.
    """

    flusher: "Flusher"
    generation_id: UUID
    attempt: int
    seq: int = 0
    lost: bool = False
    fenced: bool = field(default=False)

    def fence(self) -> None:
        """Starts the attempt; every later entry needs the stream that this makes."""
        self.flusher.put(_Item(self, entry_id(self.attempt, 0), fields("fence"), creates=True))

    def append(self, text: str) -> None:
        self._send("text", text)

    def note(self, text: str) -> None:
        self._send("note", text)

    def end(self, status: str) -> None:
        self._send("end", status)

    def resync(self, text: str) -> None:
        """Only for the holder of the lease (checked in Postgres): makes the stream anew with all text shown."""
        self.lost = False
        self._send("snapshot", text, creates=True)

    def _send(self, kind: Kind, text: str, *, creates: bool = False) -> None:
        self.seq += 1
        self.flusher.put(_Item(self, entry_id(self.attempt, self.seq), fields(kind, text), creates=creates))


@dataclass(frozen=True, slots=True)
class _Item:
    writer: LiveWriter
    entry_id: str
    fields: Fields
    creates: bool


class Flusher:
    def __init__(self) -> None:
        self._items: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="stream-flusher", daemon=True)
        self._thread.start()

    def writer(self, generation_id: UUID, attempt: int) -> LiveWriter:
        return LiveWriter(self, generation_id, attempt)

    def put(self, item: _Item) -> None:
        self._items.put(item)

    def close(self) -> None:
        """Sends what is waiting, then ends the thread."""
        self._items.put(None)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        open_ = True
        while open_:
            batch = [self._items.get()]
            time.sleep(BATCH_SECONDS)
            while not self._items.empty():
                batch.append(self._items.get())
            open_ = None not in batch
            items = [item for item in batch if item is not None and not item.writer.fenced]
            if items:
                self._append(items)

    def _append(self, items: list[_Item]) -> None:
        pipeline = redis_client().pipeline(transaction=False)
        owners: list[LiveWriter | None] = []
        for item in items:
            key = stream_key(item.writer.generation_id)
            pipeline.xadd(key, dict(item.fields), id=item.entry_id, nomkstream=not item.creates)
            owners.append(item.writer)
            if item.creates or item.fields["k"] == "end":
                pipeline.expire(key, EXPIRY_SECONDS)
                owners.append(None)
        try:
            answers = pipeline.execute(raise_on_error=False)
        except RedisError as error:
            log.warning("stream_append_failed", reason=type(error).__name__, entries=len(items))
            for item in items:
                item.writer.lost = True
            return
        for owner, answer in zip(owners, answers, strict=True):
            if owner is None:
                continue
            if isinstance(answer, ResponseError) and "equal or smaller" in str(answer):
                owner.fenced = True
            elif answer is None or isinstance(answer, Exception):
                owner.lost = True
