"""One attempt at one answer: what it has shown, its lease, its ways to be ended."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.utils import timezone

from chatapp.conversations.models import Generation
from chatapp.conversations.pipeline.tracing import AnswerTracer
from chatapp.conversations.services import Checkpoint
from chatapp.inference.engine import ChatModel, Stream
from chatapp.inference.models import ModelVersion
from chatapp.metrics import count_fault
from chatapp.moderation.checks import Finding
from chatapp.moderation.guard import OutputGuard
from chatapp.retrieval.search import Passage

PIECE_SECONDS = 0.25
# After the first text a slot wakes up for several tokens at once, and all slots at the same moments, so that the
# flusher and every reader of its batches do, too: waking up costs more than what is done then.
TICK_SECONDS = 0.1
# Embedding a question or an answer's sentences, on a machine that is busy with other answers.
WORK_SECONDS = 60.0


class LeaseLostError(Exception):
    """Another attempt, or the sweeper, owns the generation now: write nothing more."""


class HandedOverError(Exception):
    """The generation is queued again, for a worker that serves its next version: write nothing more."""


class DrainedError(Exception):
    """The worker shuts down and has no more time for this answer."""


class Live(Protocol):
    """What followers see of the attempt: `streams.flusher.LiveWriter`."""

    @property
    def seq(self) -> int: ...

    @property
    def lost(self) -> bool: ...

    @property
    def fenced(self) -> bool: ...

    def fence(self) -> None: ...

    def append(self, text: str) -> None: ...

    def note(self, text: str) -> None: ...

    def end(self, status: str) -> None: ...

    def resync(self, text: str) -> None: ...


@dataclass
class Reply:
    """One attempt at one answer. Its thread writes it; a keeper's thread renews its lease; any thread may end it."""

    generation: Generation
    live: Live
    text: str = ""
    preface: str = ""  # Goes before the first words, so that a failure before them has shown nothing.
    first_token_at: datetime | None = None
    stopped: bool = False
    drained: bool = False
    is_lost: bool = False
    is_rewritten: bool = False
    stream: Stream | None = None
    passages: list[Passage] = field(default_factory=list)
    findings: list[Finding] = field(
        default_factory=list
    )  # In the question and the passages; the guard has the answer's.
    guard: OutputGuard | None = None
    watched: OutputGuard | None = None  # Looks at the question beside the answer, for what delays nothing.
    tracer: AnswerTracer = field(default_factory=AnswerTracer)
    cache_key: str = ""  # Under which the answer may be given again; see cache.py.
    is_unseen: bool = False  # Written to be measured: it is not given out of the cache.
    held_at: float = field(default_factory=time.monotonic)  # When the lease was last proven in Postgres.
    deadline: float = field(default_factory=lambda: time.monotonic() + settings.ANSWER_DEADLINE_SECONDS)
    _opening: str = ""  # The preface, once it was shown.
    _progressed: bool = False
    _works_until: float = 0.0
    _stored: int = 0  # Characters of the last checkpoint.
    _may_resync: bool = False
    _shown: threading.Lock = field(default_factory=threading.Lock)  # Text and seq change together.

    @property
    def version(self) -> ModelVersion:
        """The one that answers now."""
        version = self.generation.version
        assert version is not None  # noqa: S101 - resolved by the claim
        return version

    def stop(self) -> None:
        self.stopped = True
        self.end_stream()

    def lose(self) -> None:
        """The lease is gone, or cannot be proven: its thread ends without writing."""
        self.is_lost = True
        self.end_stream()

    def drain(self, *, silent_only: bool) -> None:
        """Ends the answer for a shutdown; `silent_only`: if it has shown nothing, and then it will not."""
        with self._shown:
            if silent_only and self.text:
                return
            self.drained = True
        self.end_stream()

    def show(self, cleared: str) -> None:
        """Text that the policy has cleared goes out; from here on it counts as seen. Raises DrainedError."""
        if not cleared:
            return
        with self._shown:
            if self.drained and not self.text:
                raise DrainedError
            self.first_token_at = self.first_token_at or timezone.now()
            if self.preface:
                self._opening, cleared, self.preface = self.preface, self.preface + cleared, ""
            self.text += cleared
            self.live.append(cleared)

    def rewrite(self, text: str) -> None:
        """What stays of the answer when it has ended: a check masked something late. Followers saw another text."""
        with self._shown:
            self.text, self.is_rewritten = self._opening + text, True

    def end_stream(self) -> None:
        """Whatever became of it, the engine works for it no longer."""
        if self.stream is not None:
            self.stream.cancel()

    def pieces(self, stream: Stream) -> Iterator[str]:
        """The stream's text; the lease is renewed by the engine's progress, not by a timer beside a hung decode.

        Ends when the stream has, or at the answer's deadline. Raises LeaseLostError, DrainedError, EngineError.
        """
        self.stream, progress = stream, -1
        if self.stopped or self.drained:
            stream.cancel()
        while (piece := stream.next_text(PIECE_SECONDS)) is not None:
            yield piece
            if time.monotonic() > self.deadline:
                stream.cancel()
            if stream.progress > progress:
                progress = stream.progress
                self.renew()
            if piece:
                time.sleep(TICK_SECONDS - time.monotonic() % TICK_SECONDS)
        if self.is_lost:
            raise LeaseLostError
        if self.drained and stream.finish_reason == "cancelled" and not self.stopped:
            raise DrainedError

    def renew(self) -> None:
        """There was progress: the keeper may prolong the lease. Raises LeaseLostError, DrainedError."""
        self._progressed = True
        if self.is_lost or self.live.fenced:
            raise LeaseLostError
        if self.drained and not self.text:
            raise DrainedError
        if self._may_resync:
            self._may_resync = False
            count_fault("redis_lost")
            self.live.resync(self.text)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work beside the engine counts as progress, but not for ever: it may hang, too."""
        self._works_until = time.monotonic() + WORK_SECONDS
        try:
            yield
        finally:
            self._works_until = 0.0

    def take_checkpoint(self) -> Checkpoint | None:
        """For the keeper: what to store, None when there was no progress since the last time."""
        if not self._progressed and time.monotonic() > self._works_until:
            return None
        self._progressed = False
        with self._shown:
            text = self.text if len(self.text) > self._stored else None
            return Checkpoint(self.generation, text, self.live.seq, self.first_token_at)

    def keep_progress(self) -> None:
        """For the keeper: the checkpoint could not be stored, the next one counts for it too."""
        self._progressed = True

    def confirm(self, checkpoint: Checkpoint, *, stop: bool) -> None:
        """For the keeper: the lease was proven, the checkpoint stored."""
        self.held_at = time.monotonic()
        self._stored = len(checkpoint.text) if checkpoint.text is not None else self._stored
        self._may_resync = self._may_resync or self.live.lost
        if stop and not self.stopped:
            self.stop()


ModelSource = Callable[[Reply], ChatModel]
