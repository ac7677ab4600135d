"""The answer path inside a worker: ground, prompt, stream through the output policy, commit."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog
from django.conf import settings
from django.db import close_old_connections

from chatapp.conversations import services
from chatapp.conversations.models import Generation, Message, Status
from chatapp.conversations.pipeline.grounding import ground
from chatapp.conversations.pipeline.measuring import measure
from chatapp.conversations.pipeline.prompts import NOT_FOUND, SEARCH_DOWN, build_prompt, list_history, prompt_budget
from chatapp.conversations.pipeline.reply import LeaseLostError, Reply
from chatapp.conversations.services import FinishedAnswer
from chatapp.inference.defaults import SYSTEM_PROMPT
from chatapp.inference.engine import ChatModel, EngineError, Stream
from chatapp.inference.models import Provider
from chatapp.moderation.policy import SAFE_TEXT, OutputGuard, PolicySet, active_policies
from chatapp.retrieval.citations import cite_sentences
from chatapp.retrieval.embedding import EmbeddingError
from chatapp.retrieval.intent import is_about_the_company

SCRIPT_MAX_TOKENS = 100_000
ModelSource = Callable[[Reply], ChatModel]
log = structlog.get_logger(__name__)


def generate_reply(reply: Reply, model_for: ModelSource) -> None:
    """Answers one claimed generation to its terminal commit. Never raises: what goes wrong becomes its status."""
    generation = reply.generation
    try:
        reply.live.fence()
        finished = _answer(reply, model_for)
    except LeaseLostError:
        log.warning("lease_lost", generation=str(generation.id), attempt=generation.attempt)
        return
    except EngineError as error:
        log.warning("engine_failed", generation=str(generation.id), reason=str(error))
        finished = _broken(reply, "model_error")
    except Exception:
        log.exception("answer_failed", generation=str(generation.id))
        finished = _broken(reply, "internal")
    finally:
        if reply.stream is not None:
            reply.stream.cancel()  # Also when the lease was lost: the slot is free within a step.
    if services.finish_generation(generation, finished):
        reply.live.end(finished.status)
        services.record_aftermath(generation.id)
        measure(generation, finished, reply.stream)
    close_old_connections()


def _answer(reply: Reply, model_for: ModelSource) -> FinishedAnswer:
    generation, policies = reply.generation, active_policies()
    generation.policy_version = policies.version
    history = list_history(generation)
    if _declines(reply, history, policies):
        reply.show(NOT_FOUND)
        return FinishedAnswer(
            status=Status.COMPLETE, text=reply.text, finish_reason="stop", first_token_at=reply.first_token_at
        )
    model = model_for(reply)
    reply.live.note("Reading" if reply.passages else "Thinking")
    version = generation.version
    assert version is not None  # noqa: S101 - resolved by the claim
    messages = build_prompt(
        model=model,
        system_prompt=version.system_prompt or SYSTEM_PROMPT,
        history=history,
        passages=reply.passages,
        budget_tokens=prompt_budget(version.context_tokens, generation.max_tokens),
    )
    close_old_connections()
    stream = model.chat(
        messages,
        max_tokens=_token_cap(generation),
        sampling={**version.sampling, **generation.sampling},
        stop=generation.stop,
        cache_scope=str(generation.user_id),
    )
    guard = policies.output_guard()
    _relay(reply, stream, guard)
    return _finished(reply, stream, guard)


def _token_cap(generation: Generation) -> int:
    """The cap is there for models that loop. A script ends by itself, so only a smaller cap of the caller holds."""
    if _is_scripted(generation) and generation.max_tokens >= settings.ANSWER_MAX_TOKENS:
        return SCRIPT_MAX_TOKENS
    return generation.max_tokens


def _is_scripted(generation: Generation) -> bool:
    return generation.version is not None and generation.version.provider == Provider.SCRIPTED


def _declines(reply: Reply, history: Sequence[Message], policies: PolicySet) -> bool:
    """Finds the passages. True when there are none and the question cannot be answered without.

    Collections that the caller named bind; on the page general questions are welcome. While search is down the answer
    comes without sources and says so.
    """
    generation, question = reply.generation, history[-1].text
    if generation.collections == []:
        return False
    reply.live.note("Searching the documents")
    try:
        reply.passages = ground(generation, history, policies)
        nothing_found = not reply.passages and _needs_passages(generation, question)
    except EmbeddingError as error:
        log.warning("search_failed", generation=str(generation.id), reason=str(error))
        reply.show(SEARCH_DOWN)
        nothing_found = False
    services.store_sources(generation, reply.passages)
    reply.renew(at_once=True)
    return nothing_found


def _needs_passages(generation: Generation, question: str) -> bool:
    if _is_scripted(generation):
        return False  # It says what its question tells it to, and so cannot invent.
    return generation.collections is not None or is_about_the_company(question)


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
    return _cited(reply, so_far)


def _cited(reply: Reply, so_far: FinishedAnswer) -> FinishedAnswer:
    reply.renew(at_once=True)  # Embedding the sentences may take a while on a busy machine.
    try:
        answer = cite_sentences(reply.text, reply.passages, question=_question_of(reply.generation))
    except EmbeddingError as error:
        log.warning("citing_failed", generation=str(reply.generation.id), reason=str(error))
        return so_far
    return replace(so_far, text=answer.text, cited=answer.cited)


def _question_of(generation: Generation) -> str:
    return generation.message.parent.text if generation.message.parent else ""


def _broken(reply: Reply, code: str) -> FinishedAnswer:
    """Text already shown stays, as interrupted; without any the answer has failed."""
    status = Status.INTERRUPTED if reply.text else Status.FAILED
    return FinishedAnswer(
        status=status, text=reply.text, error_code=code, finish_reason="error", first_token_at=reply.first_token_at
    )
