"""What one web process knows of one running answer; all sockets and API streams that watch it share this."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from chatapp.conversations.markdown import MarkdownStream
from chatapp.conversations.models import LIVE, Status
from chatapp.conversations.queue import QueuePlace
from chatapp.conversations.streams.entries import Entry
from chatapp.metrics import count_fault

TERMINAL = frozenset(status.value for status in Status) - {status.value for status in LIVE}


@dataclass(frozen=True, slots=True)
class Rendering:
    """HTML of the text up to `seq`. `closed` only grows within an epoch; the open block may change."""

    epoch: int
    seq: int
    closed: list[str]
    open_html: str


@dataclass
class LiveAnswer:
    """Text and state so far. `version` rises with every change; `epoch` when text was replaced, not appended.

    A follower keeps its own place, so a slow one never delays another and memory is bounded by the answer's own
    length.
    """

    generation_id: UUID
    message_id: UUID
    status: str = Status.QUEUED
    attempt: int = 0
    seq: int = 0
    text: str = ""
    note: str = ""
    place: QueuePlace | None = None
    version: int = 0
    epoch: int = 0
    gap: bool = False
    read: tuple[int, int] = (0, 0)  # The last entry seen, taken or not: where the reader goes on.
    sightings: int = 0
    _markdown: MarkdownStream | None = None
    _fed: int = 0
    _rendering: Rendering | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL

    def apply(self, entry: Entry) -> None:
        """Takes one stream entry; entries at or before the place already reached change nothing."""
        place = (entry.attempt, entry.seq)
        self.read = max(self.read, place)
        known = place <= (self.attempt, self.seq) and not (entry.kind == "fence" and entry.attempt == self.attempt)
        if self.ended or known:
            return
        if entry.attempt > self.attempt:
            self._restart(entry.attempt)
        self._take(entry)
        self._touch()

    def adopt_checkpoint(self, *, attempt: int, seq: int, text: str) -> None:
        """The database is ahead of what was read from Redis: it holds the truth.

        Behind a gap entries were passed over, so the reader goes on from here.
        """
        if (attempt, seq) > (self.attempt, self.seq):
            self.attempt, self.seq, self.gap = attempt, seq, False
            self.read = (attempt, seq)
            self._replace(text)
            self._touch()

    def set_state(self, status: str, place: QueuePlace | None, *, patience: int = 0) -> None:
        """What the database says. An end is believed after `patience` more sightings: text may still be on its way."""
        if status in TERMINAL and self.sightings < patience:
            self.sightings += 1
            return
        if (status, place) != (self.status, self.place) and not self.ended:
            self.status, self.place = status, place
            self._touch()

    async def changed(self, after: int) -> int:
        """Waits until `version` is above `after`; returns it."""
        while self.version <= after:
            await self._changed.wait()
        return self.version

    def render(self) -> Rendering:
        """Rendered once for all followers. It may stay behind `seq` while the answer runs, never at its end."""
        if self._markdown is None:
            self._markdown = MarkdownStream(self.message_id)
        self._markdown.feed(self.text[self._fed :])
        self._fed = len(self.text)
        last = self._rendering
        if last is None or last.seq != self.seq:
            done = self._markdown.render(force=self.ended)
            if done or last is None:
                last = Rendering(self.epoch, self.seq, self._markdown.closed, self._markdown.open_html)
        self._rendering = last
        return last

    def _touch(self) -> None:
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def _restart(self, attempt: int) -> None:
        self.attempt, self.seq, self.gap = attempt, 0, False
        self._replace("")

    def _replace(self, text: str) -> None:
        self.text, self._markdown, self._fed, self._rendering = text, None, 0, None
        self.epoch += 1

    def _take(self, entry: Entry) -> None:
        match str(entry.kind):
            case "fence":
                self.status, self.place = Status.ANSWERING, None
            case "text":
                self._append(entry)
            case "snapshot":
                self.seq, self.gap = entry.seq, False
                self._replace(entry.text)
            case "note":
                self._pass(entry)
                self.note = entry.text
            case "end":
                self.status = entry.text
            case _:  # Of newer code.
                self._pass(entry)

    def _pass(self, entry: Entry) -> None:
        self.seq = entry.seq if entry.seq == self.seq + 1 else self.seq

    def _append(self, entry: Entry) -> None:
        if not self.gap and entry.seq != self.seq + 1:
            self.gap = True
            count_fault("stream_gap")
        if not self.gap:
            self.seq = entry.seq
            self.text += entry.text
