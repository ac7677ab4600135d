"""One attempt at one answer: what it has shown, its lease, its way to be stopped."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from chatapp.conversations import services
from chatapp.conversations.models import Generation
from chatapp.conversations.streams.flusher import LiveWriter
from chatapp.inference.engine import ChatModel, Stream
from chatapp.inference.models import ModelVersion
from chatapp.retrieval.search import Passage

CHECKPOINT_SECONDS = 1.0
PIECE_SECONDS = 0.25


class LeaseLostError(Exception):
    """Another attempt, or the sweeper, owns the generation now: write nothing more."""


class HandedOverError(Exception):
    """The generation is queued again, for a worker that serves its next version: write nothing more."""


@dataclass
class Reply:
    """One attempt at one answer. `stop` may be called from another thread at any time."""

    generation: Generation
    live: LiveWriter
    text: str = ""
    preface: str = ""  # Goes before the first words, so that a failure before them has shown nothing.
    first_token_at: datetime | None = None
    stopped: bool = False
    stream: Stream | None = None
    passages: list[Passage] = field(default_factory=list)
    cache_key: str = ""  # Under which the answer may be given again; see cache.py.
    renewed: float = field(default_factory=time.monotonic)
    deadline: float = field(default_factory=lambda: time.monotonic() + settings.ANSWER_DEADLINE_SECONDS)

    @property
    def version(self) -> ModelVersion:
        """The one that answers now."""
        version = self.generation.version
        assert version is not None  # noqa: S101 - resolved by the claim
        return version

    def stop(self) -> None:
        self.stopped = True
        if self.stream is not None:
            self.stream.cancel()

    def show(self, cleared: str) -> None:
        """Text that the policy has cleared goes out; from here on it counts as seen."""
        if not cleared:
            return
        self.first_token_at = self.first_token_at or timezone.now()
        cleared, self.preface = self.preface + cleared, ""
        self.text += cleared
        self.live.append(cleared)

    def end_stream(self) -> None:
        """Whatever became of it, the engine works for it no longer."""
        if self.stream is not None:
            self.stream.cancel()

    def pieces(self, stream: Stream) -> Iterator[str]:
        """The stream's text; the lease is renewed by the engine's progress, not by a timer beside a hung decode.

        Ends when the stream has, or at the answer's deadline. Raises LeaseLostError, EngineError.
        """
        self.stream, progress = stream, -1
        if self.stopped:
            stream.cancel()
        while (piece := stream.next_piece(PIECE_SECONDS)) is not None:
            yield piece
            if time.monotonic() > self.deadline:
                stream.cancel()
            if stream.progress > progress:
                progress = stream.progress
                self.renew()

    def renew(self, *, at_once: bool = False) -> None:
        """About once a second: checkpoint and lease in one write. Call it only when there was progress.

        Raises LeaseLostError.
        """
        if not at_once and time.monotonic() - self.renewed < CHECKPOINT_SECONDS:
            return
        self.renewed = time.monotonic()
        seq = self.live.seq
        stop = services.renew_lease(self.generation, text=self.text, seq=seq, first_token_at=self.first_token_at)
        close_old_connections()
        if stop is None or self.live.fenced:
            raise LeaseLostError
        if self.live.lost:
            self.live.resync(self.text)
        if stop and not self.stopped:
            self.stop()


ModelSource = Callable[[Reply], ChatModel]
