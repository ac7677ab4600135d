"""The answer path inside a worker: ground, let the first version that can write the answer, commit."""

from collections.abc import Sequence
from dataclasses import replace

import structlog
from django.db import close_old_connections

from chatapp.conversations import services
from chatapp.conversations.models import Generation, Message, Status
from chatapp.conversations.pipeline.cache import remember_answer
from chatapp.conversations.pipeline.fallback import answer_by_first_able
from chatapp.conversations.pipeline.grounding import ground
from chatapp.conversations.pipeline.measuring import measure
from chatapp.conversations.pipeline.prompts import NOT_FOUND, SEARCH_DOWN, read_history
from chatapp.conversations.pipeline.reply import HandedOverError, LeaseLostError, ModelSource, Reply
from chatapp.conversations.pipeline.side_work import request_side_work
from chatapp.conversations.pipeline.writing import is_scripted, write_answer
from chatapp.conversations.services import FinishedAnswer
from chatapp.inference.engine import EngineError
from chatapp.moderation.policy import PolicySet, active_policies
from chatapp.retrieval.embedding import EmbeddingError
from chatapp.retrieval.intent import is_about_the_company

log = structlog.get_logger(__name__)


def generate_reply(reply: Reply, model_for: ModelSource) -> None:
    """Answers one claimed generation to its terminal commit. Never raises: what goes wrong becomes its status."""
    generation = reply.generation
    try:
        reply.live.fence()
        finished = _answer(reply, model_for)
    except HandedOverError:
        log.info("handed_over", generation=str(generation.id), attempt=generation.attempt)
        return
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
        reply.end_stream()  # Also when the lease was lost: the slot is free within a step.
    if services.finish_generation(generation, finished):
        reply.live.end(finished.status)
        services.record_aftermath(generation.id)
        remember_answer(generation, reply.cache_key, finished)
        measure(generation, finished, reply.stream)
        request_side_work(generation, finished)
    close_old_connections()


def _answer(reply: Reply, model_for: ModelSource) -> FinishedAnswer:
    generation, policies = reply.generation, active_policies()
    generation.policy_version = policies.version
    history = read_history(generation)
    if _declines(reply, history.messages, policies):
        reply.show(NOT_FOUND)
        return FinishedAnswer(
            status=Status.COMPLETE, text=reply.text, finish_reason="stop", first_token_at=reply.first_token_at
        )
    return answer_by_first_able(reply, lambda: write_answer(reply, model_for, history=history, policies=policies))


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
        reply.preface = SEARCH_DOWN
        nothing_found = False
    services.store_sources(generation, reply.passages)
    reply.renew(at_once=True)
    return nothing_found


def _needs_passages(generation: Generation, question: str) -> bool:
    if is_scripted(generation):
        return False  # It says what its question tells it to, and so cannot invent.
    return generation.collections is not None or is_about_the_company(question)


def _broken(reply: Reply, code: str) -> FinishedAnswer:
    """Text already shown stays, as interrupted; without any the answer has failed, unless a stop came before."""
    ended = FinishedAnswer(
        status=Status.INTERRUPTED if reply.text else Status.FAILED,
        text=reply.text,
        error_code=code,
        finish_reason="error",
        first_token_at=reply.first_token_at,
    )
    return replace(ended, status=Status.STOPPED, error_code="", finish_reason="stop") if reply.stopped else ended
