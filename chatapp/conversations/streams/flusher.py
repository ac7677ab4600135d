"""The worker's side: one thread appends the text of all its answers, in one pipelined batch after another."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import chain
from uuid import UUID

import structlog
from redis.exceptions import RedisError, ResponseError

from chatapp.conversations.streams.entries import EXPIRY_SECONDS, Fields, Kind, entry_id, fields, stream_key
from chatapp.redis import redis_client

# A first text, a note and an end go out at once; further text waits for that of the other slots, which is near.
GATHER_SECONDS = 0.008
REST_SECONDS = 0.01
FAILED_REST_SECONDS = 0.5
# Entries that wait for a Redis that hangs. Beyond it text is dropped; the snapshot that follows a loss holds it.
MAX_WAITING = 20_000
# Of one stream, about: its readers need no more than what came since the last checkpoint.
MAX_ENTRIES = 5_000
CLOSE_SECONDS = 8
log = structlog.get_logger(__name__)


@dataclass(eq=False)
class LiveWriter:
    """Writes the stream of one attempt; text that waits is joined into one entry.

    `lost`: Redis forgot the stream or refused the connection; `resync` starts it anew. `fenced`: a newer attempt
    or the sweeper took over, and nothing that this writer sends will be kept.
    """

    flusher: "Flusher"
    generation_id: UUID
    attempt: int
    sent: int = 0  # The `seq` of the last entry that was handed over; the flusher's affair, as the next one.
    has_text: bool = False
    lost: bool = False
    fenced: bool = field(default=False)

    def fence(self) -> None:
        """Starts the attempt; every later entry needs the stream that this makes."""
        self.flusher.put(self, "fence", creates=True)

    def append(self, text: str) -> None:
        """Consecutive pieces become one entry when the flusher is slower than they come."""
        self.flusher.join(self, text)

    def note(self, text: str) -> None:
        self.flusher.put(self, "note", text)

    def end(self, status: str) -> None:
        self.flusher.put(self, "end", status)

    @property
    def seq(self) -> int:
        """Through which a reader has all text appended so far, for the checkpoint that holds the same.

        What is appended after this goes into a later entry.
        """
        return self.flusher.seal(self)

    def resync(self, text: str) -> None:
        """Only for the holder of the lease (checked in Postgres): makes the stream anew with all text shown."""
        self.flusher.resync(self, text)


@dataclass(frozen=True, slots=True)
class _Item:
    writer: LiveWriter
    entry_id: str
    fields: Fields
    creates: bool


class Flusher:
    def __init__(self) -> None:
        # Guards all below and what the writers have sent.
        self._changed = threading.Condition()
        self._items: deque[_Item] = deque()
        self._open: dict[LiveWriter, list[str]] = {}
        self._is_urgent = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="stream-flusher", daemon=True)
        self._thread.start()

    def writer(self, generation_id: UUID, attempt: int) -> LiveWriter:
        return LiveWriter(self, generation_id, attempt)

    def put(self, writer: LiveWriter, kind: Kind, text: str = "", *, creates: bool = False) -> None:
        with self._changed:
            self._seal(writer)
            self._add(writer, kind, text, creates=creates)
            self._wake(urgently=True)

    def join(self, writer: LiveWriter, text: str) -> None:
        with self._changed:
            self._open.setdefault(writer, []).append(text)
            self._wake(urgently=not writer.has_text)
            writer.has_text = True

    def seal(self, writer: LiveWriter) -> int:
        with self._changed:
            self._seal(writer)
            return writer.sent

    def resync(self, writer: LiveWriter, text: str) -> None:
        with self._changed:
            self._open.pop(writer, None)  # It is in the snapshot.
            writer.lost = False
            self._add(writer, "snapshot", text, creates=True)
            self._wake(urgently=True)

    def close(self) -> None:
        """Sends what is waiting, then ends the thread."""
        with self._changed:
            self._closing = True
            self._wake(urgently=True)
        self._thread.join(CLOSE_SECONDS)

    def _wake(self, *, urgently: bool) -> None:
        self._is_urgent = self._is_urgent or urgently
        self._changed.notify()

    def _seal(self, writer: LiveWriter) -> None:
        pieces = self._open.pop(writer, None)
        if pieces:
            self._add(writer, "text", "".join(pieces), creates=False)

    def _add(self, writer: LiveWriter, kind: Kind, text: str, *, creates: bool) -> None:
        """A lost writer's entries are counted and dropped: its snapshot, which creates the stream, has their text."""
        if kind != "fence":
            writer.sent += 1
        if not creates and len(self._items) >= MAX_WAITING:
            writer.lost = True
        if creates or not (writer.lost or writer.fenced):
            self._items.append(_Item(writer, entry_id(writer.attempt, writer.sent), fields(kind, text), creates))

    def _run(self) -> None:
        while items := self._next_batch():
            if not self._append(items):
                time.sleep(FAILED_REST_SECONDS)
            elif any(item.fields["k"] == "text" for item in items):  # What comes before them holds up no first words.
                time.sleep(REST_SECONDS)

    def _next_batch(self) -> list[_Item]:
        """Waits for something to append; empty when the flusher closes."""
        with self._changed:
            while not self._items and not (self._closing and not self._open):
                self._changed.wait_for(lambda: self._items or self._open or self._closing)
                self._changed.wait_for(lambda: self._is_urgent, GATHER_SECONDS)
                self._seal_all()
            self._is_urgent = False
            self._seal_all()
            items = list(self._items)
            self._items.clear()
            return items

    def _seal_all(self) -> None:
        for writer in list(self._open):
            self._seal(writer)

    def _append(self, items: list[_Item]) -> bool:
        """Whether Redis answered. One refused entry never spoils the batch.

        In a transaction, so that a blocked reader is woken by the whole batch and not by its first entry.
        """
        pipeline = redis_client().pipeline(transaction=True)
        asked: list[_Item | None] = []
        for item in items:
            key = stream_key(item.writer.generation_id)
            pipeline.execute_command("XADD", key, *_options(item), item.entry_id, *chain(*item.fields.items()))
            asked.append(item)
            if item.creates or item.fields["k"] == "end":
                pipeline.expire(key, EXPIRY_SECONDS)
                asked.append(None)
        try:
            answers = pipeline.execute(raise_on_error=False)
        except RedisError as error:
            log.warning("stream_append_failed", reason=type(error).__name__, entries=len(items))
            for item in items:
                item.writer.lost = True
            return False
        with self._changed:
            for one, answer in zip(asked, answers, strict=True):
                if one is not None:
                    _note(one, answer)
        return True


def _options(item: _Item) -> tuple[str | int, ...]:
    """redis-py's own `xadd` takes longer to check its arguments than Redis takes to append.

    A snapshot replaces all that came before it, so nothing of that is kept.
    """
    if item.fields["k"] == "snapshot":
        return ("MAXLEN", 1)
    trimmed = ("MAXLEN", "~", MAX_ENTRIES)
    return trimmed if item.creates else ("NOMKSTREAM", *trimmed)


def _note(item: _Item, answer: object) -> None:
    if isinstance(answer, ResponseError) and "equal or smaller" in str(answer):
        item.writer.fenced = True
    elif answer is None or isinstance(answer, Exception):
        item.writer.lost = True
    elif item.creates:
        item.writer.lost = False  # What was refused before it, in the same batch, is in the snapshot.
