"""The answer path inside a worker: ground, let the first version that can write the answer, commit."""

from collections.abc import Sequence
from dataclasses import replace

import structlog
from django.conf import settings
from django.db import close_old_connections

from chatapp.conversations import services
from chatapp.conversations.models import Generation, Message, Status
from chatapp.conversations.pipeline.cache import remember_answer
from chatapp.conversations.pipeline.fallback import answer_by_first_able
from chatapp.conversations.pipeline.grounding import ground
from chatapp.conversations.pipeline.measuring import measure
from chatapp.conversations.pipeline.prompts import NOT_FOUND, SEARCH_DOWN, read_history
from chatapp.conversations.pipeline.questions import WithheldError, clear_question, withheld
from chatapp.conversations.pipeline.relay import judged, settle
from chatapp.conversations.pipeline.reply import (
    DrainedError,
    HandedOverError,
    LeaseLostError,
    ModelSource,
    Reply,
)
from chatapp.conversations.pipeline.shadow import request_shadow
from chatapp.conversations.pipeline.side_work import request_side_work
from chatapp.conversations.pipeline.writing import is_scripted, write_answer
from chatapp.conversations.services import FinishedAnswer
from chatapp.database import AWAY, try_patiently
from chatapp.inference.engine import EngineError
from chatapp.metrics import count_fault
from chatapp.moderation.policy import PolicySet, active_policies
from chatapp.retrieval.embedding import EmbeddingError
from chatapp.retrieval.intent import is_about_the_company
from chatapp.retrieval.services import record_support

log = structlog.get_logger(__name__)


def generate_reply(reply: Reply, model_for: ModelSource) -> None:
    """Answers one claimed generation to its terminal commit. Never raises: what goes wrong becomes its status."""
    try:
        finished = _end(reply, model_for)
        if finished is not None and _commit(reply, finished):
            _follow_up(reply, finished)
    except AWAY as error:
        # The lease runs out; what was shown stays in the stream for the sweeper.
        log.warning("answer_given_up", generation=str(reply.generation.id), reason=type(error).__name__)
    finally:
        close_old_connections()


def leave(reply: Reply) -> None:
    """The worker has no more time, or no database, for this answer: hands it back, or ends it with the text shown.

    Raises one of AWAY after DATABASE_PATIENCE_SECONDS.
    """
    count_fault("drained" if reply.drained else "database_away")
    if (finished := _departure(reply)) is not None and _commit(reply, finished):
        services.record_aftermath(reply.generation.id)
        services.store_trace(generation_id=reply.generation.id, facts=reply.tracer.as_dict())
        measure(reply.generation, finished, reply.stream)


def _end(reply: Reply, model_for: ModelSource) -> FinishedAnswer | None:
    """None when there is nothing to commit: the answer is another one's affair."""
    name = str(reply.generation.id)
    try:
        reply.live.fence()
        return _answer(reply, model_for)
    except HandedOverError:
        log.info("handed_over", generation=name, attempt=reply.generation.attempt)
    except LeaseLostError:
        log.warning("lease_lost", generation=name, attempt=reply.generation.attempt)
        count_fault("lease_lost")
    except DrainedError:
        leave(reply)
    except AWAY as error:
        log.warning("database_away", generation=name, reason=type(error).__name__)
        leave(reply)
    except EngineError as error:
        if not reply.drained:
            log.warning("engine_failed", generation=name, reason=str(error))
            return _broken(reply, "model_error")
        leave(reply)
    except Exception:
        log.exception("answer_failed", generation=name)
        return _broken(reply, "internal")
    finally:
        reply.end_stream()  # Also when the lease was lost: the slot is free within a step.
    return None


def _departure(reply: Reply) -> FinishedAnswer | None:
    """None when it was handed back. Without a shutdown this counts as a loss, so that no answer goes round for ever."""
    generation, is_loss = reply.generation, not reply.drained
    if reply.text or reply.stopped or (is_loss and generation.losses + 1 >= services.MAX_LOSSES):
        return _broken(reply, "worker_drained" if reply.drained else "database_away")
    try_patiently(lambda: services.hand_back(generation, is_loss=is_loss), seconds=settings.DATABASE_PATIENCE_SECONDS)
    log.info("handed_back", generation=str(generation.id), attempt=generation.attempt)
    return None


def _commit(reply: Reply, finished: FinishedAnswer) -> bool:
    """The terminal commit, tried until the database takes it; the reply to one that it took may have been lost."""
    generation = reply.generation
    committed, was_tried = try_patiently(
        lambda: services.finish_generation(generation, finished), seconds=settings.DATABASE_PATIENCE_SECONDS
    )
    if committed or (was_tried and services.has_ended(generation, finished.status)):
        if reply.is_rewritten or finished.status == Status.RETRACTED:  # What was shown shall stay nowhere.
            reply.live.resync("" if finished.status == Status.RETRACTED else finished.text)
        reply.live.end(finished.status)
        return True
    return False


def _follow_up(reply: Reply, finished: FinishedAnswer) -> None:
    """What may be late or lost: usage, outcome, cache, metrics, title."""
    generation = reply.generation
    patience = settings.DATABASE_PATIENCE_SECONDS
    try_patiently(lambda: services.record_aftermath(generation.id), seconds=patience)
    try_patiently(lambda: record_support(citations=finished.support), seconds=patience)
    facts = reply.tracer.as_dict()
    try_patiently(lambda: services.store_trace(generation_id=generation.id, facts=facts), seconds=patience)
    remember_answer(generation, reply.cache_key, finished)
    measure(generation, finished, reply.stream)
    request_side_work(generation, finished)
    try_patiently(lambda: request_shadow(generation, finished), seconds=patience)


def _answer(reply: Reply, model_for: ModelSource) -> FinishedAnswer:
    generation = reply.generation
    policies = active_policies(user=generation.user, route=generation.route_id)
    generation.policy_version = policies.version
    try:
        with reply.tracer.timed("question"):
            history = clear_question(reply, read_history(generation), policies)
    except WithheldError:
        return withheld(reply)
    if _declines(reply, history.messages, policies):
        reply.show(NOT_FOUND)
        settle(reply)
        return judged(
            reply,
            FinishedAnswer(
                status=Status.COMPLETE, text=reply.text, finish_reason="stop", first_token_at=reply.first_token_at
            ),
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
        with reply.working(), reply.tracer.timed("search"):
            grounds = ground(generation, history, policies, reply.tracer)
            reply.passages = grounds.passages
            reply.findings += grounds.findings
        nothing_found = not reply.passages and _needs_passages(generation, question)
    except EmbeddingError as error:
        log.warning("search_failed", generation=str(generation.id), reason=str(error))
        reply.preface, reply.tracer.is_search_down = SEARCH_DOWN, True
        nothing_found = False
    if reply.passages or generation.attempt > 1:  # An earlier attempt may have left others.
        services.store_sources(generation, reply.passages)
    reply.renew()
    return nothing_found


def _needs_passages(generation: Generation, question: str) -> bool:
    if is_scripted(generation):
        return False  # It says what its question tells it to, and so cannot invent.
    return generation.collections is not None or is_about_the_company(question)


def _broken(reply: Reply, code: str) -> FinishedAnswer:
    """Text already shown stays, as interrupted; without any the answer has failed, unless a stop came before.

    What the checks find late may take it away here, too.
    """
    settle(reply)
    ended = FinishedAnswer(
        status=Status.INTERRUPTED if reply.text else Status.FAILED,
        text=reply.text,
        error_code=code,
        finish_reason="error",
        first_token_at=reply.first_token_at,
    )
    if reply.stopped:
        ended = replace(ended, status=Status.STOPPED, error_code="", finish_reason="stop")
    return judged(reply, ended)
