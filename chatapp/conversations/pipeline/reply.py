"""The answer path inside a worker: ground, prompt, stream through the output policy, commit."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from chatapp.conversations import services
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.pipeline.grounding import ground
from chatapp.conversations.pipeline.measuring import measure
from chatapp.conversations.pipeline.prompts import (
    NOT_FOUND,
    build_prompt,
    list_history,
    prompt_budget,
)
from chatapp.conversations.services import FinishedAnswer
from chatapp.conversations.streams.flusher import LiveWriter
from chatapp.inference.defaults import SYSTEM_PROMPT
from chatapp.inference.engine import EngineError, Stream, TextEngine
from chatapp.moderation.policy import SAFE_TEXT, OutputGuard, active_policies
from chatapp.retrieval.citations import cite_sentences
from chatapp.retrieval.intent import is_about_the_company
from chatapp.retrieval.search import Passage

CHECKPOINT_SECONDS = 1.0
PIECE_SECONDS = 0.25
EngineSource = Callable[["Reply"], TextEngine]
log = structlog.get_logger(__name__)


class LeaseLostError(Exception):
    """Another attempt, or the sweeper, owns the generation now: write nothing more."""


@dataclass
class Reply:
    """One attempt at one answer. `stop` may be called from another thread at any time."""

    generation: Generation
    live: LiveWriter
    text: str = ""
    first_token_at: datetime | None = None
    stopped: bool = False
    stream: Stream | None = None
    passages: list[Passage] = field(default_factory=list)
    renewed: float = field(default_factory=time.monotonic)
    deadline: float = field(default_factory=lambda: time.monotonic() + settings.ANSWER_DEADLINE_SECONDS)

    def stop(self) -> None:
        self.stopped = True
        if self.stream is not None:
            self.stream.cancel()

    def show(self, cleared: str) -> None:
        """Text that the policy has cleared goes out; from here on it counts as seen."""
        if cleared:
            self.first_token_at = self.first_token_at or timezone.now()
            self.text += cleared
            self.live.append(cleared)

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


def generate_reply(reply: Reply, engine_for: EngineSource) -> None:
    """Answers one claimed generation to its terminal commit. Never raises: what goes wrong becomes its status."""
    generation = reply.generation
    try:
        reply.live.fence()
        finished = _answer(reply, engine_for)
    except LeaseLostError:
        log.warning("lease_lost", generation=str(generation.id), attempt=generation.attempt)
        return
    except EngineError as error:
        log.warning("engine_failed", generation=str(generation.id), reason=str(error))
        finished = _broken(reply, "model_error")
    except Exception:
        log.exception("answer_failed", generation=str(generation.id))
        finished = _broken(reply, "internal")
    if services.finish_generation(generation, finished):
        reply.live.end(finished.status)
        services.record_aftermath(generation.id)
        measure(generation, finished, reply.stream)
    close_old_connections()


def _answer(reply: Reply, engine_for: EngineSource) -> FinishedAnswer:
    generation, policies = reply.generation, active_policies()
    generation.policy_version = policies.version
    history = list_history(generation)
    if generation.collections != []:
        reply.live.note("Searching the documents")
    reply.passages = ground(generation, history, policies)
    services.store_sources(generation, reply.passages)
    reply.renew(at_once=True)
    if not reply.passages and _must_decline(generation, history[-1].text):
        reply.show(NOT_FOUND)
        return FinishedAnswer(
            status=Status.COMPLETE, text=reply.text, finish_reason="stop", first_token_at=reply.first_token_at
        )
    engine = engine_for(reply)
    reply.live.note("Reading" if reply.passages else "Thinking")
    version = generation.version
    assert version is not None  # noqa: S101 - resolved by the claim
    prompt = build_prompt(
        engine=engine,
        system_prompt=version.system_prompt or SYSTEM_PROMPT,
        history=history,
        passages=reply.passages,
        budget_tokens=prompt_budget(version.context_tokens, generation.max_tokens),
    )
    close_old_connections()
    stream = engine.submit(
        prompt,
        max_tokens=generation.max_tokens,
        sampling={**version.sampling, **generation.sampling},
        stop=generation.stop,
        cache_scope=str(generation.user_id),
    )
    guard = policies.output_guard()
    _relay(reply, stream, guard)
    return _finished(reply, stream, guard)


def _must_decline(generation: Generation, question: str) -> bool:
    """Nothing was found. Collections named by the caller bind; on the page general questions are welcome."""
    if generation.collections is not None:
        return bool(generation.collections)
    return is_about_the_company(question)


def _relay(reply: Reply, stream: Stream, guard: OutputGuard) -> None:
    """Moves text from the engine to the page until either has had enough."""
    for piece in reply.pieces(stream):
        reply.show(guard.feed(piece))
        if guard.blocked:
            stream.cancel()
            return
    if not reply.stopped:
        reply.show(guard.finish())


def _finished(reply: Reply, stream: Stream, guard: OutputGuard) -> FinishedAnswer:
    so_far = FinishedAnswer(
        status=Status.COMPLETE,
        text=reply.text,
        finish_reason="stop" if stream.finish_reason == "stop" or reply.stopped else "length",
        findings=tuple(guard.findings),
        prompt_tokens=stream.usage.prompt_tokens,
        completion_tokens=stream.usage.completion_tokens,
        first_token_at=reply.first_token_at,
    )
    if guard.blocked:
        return replace(
            so_far, status=Status.BLOCKED, text=SAFE_TEXT, original=guard.raw, finish_reason="content_filter"
        )
    if reply.stopped:
        return replace(so_far, status=Status.STOPPED)
    if not reply.text.strip():
        return replace(so_far, status=Status.FAILED, text="", error_code="empty_answer")
    answer = cite_sentences(reply.text, reply.passages)
    return replace(so_far, text=answer.text, cited=answer.cited)


def _broken(reply: Reply, code: str) -> FinishedAnswer:
    """Text already shown stays, as interrupted; without any the answer has failed."""
    status = Status.INTERRUPTED if reply.text else Status.FAILED
    return FinishedAnswer(
        status=status, text=reply.text, error_code=code, finish_reason="error", first_token_at=reply.first_token_at
    )
