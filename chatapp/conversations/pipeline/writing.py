"""Lets one version write the answer: prompt, stream through the output policy, citations."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypedDict

import structlog
from django.conf import settings
from django.db import close_old_connections

from chatapp.conversations.budget import prompt_budget
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.pipeline.cache import answer_key, find_cached
from chatapp.conversations.pipeline.hiding import hide_personal_data
from chatapp.conversations.pipeline.prompts import History, build_prompt
from chatapp.conversations.pipeline.relay import judged, relay
from chatapp.conversations.pipeline.reply import ModelSource, Reply
from chatapp.conversations.services import FinishedAnswer
from chatapp.inference.defaults import SYSTEM_PROMPT
from chatapp.inference.engine import Stream
from chatapp.inference.engine.sampling import is_constrained
from chatapp.inference.models import Provider
from chatapp.moderation.placeholders import Placeholders, Restored, Restorer
from chatapp.moderation.policy import OutputGuard, PolicySet
from chatapp.retrieval.citations import CitationStream
from chatapp.retrieval.embedding import EmbeddingError
from chatapp.retrieval.search import find_unknown_words
from chatapp.retrieval.support import count_support, find_weak

SCRIPT_MAX_TOKENS = 100_000
log = structlog.get_logger(__name__)


class Request(TypedDict):
    """What a model is asked besides the messages."""

    max_tokens: int
    sampling: dict[str, Any]
    stop: list[str]


def write_answer(reply: Reply, model_for: ModelSource, *, history: History, policies: PolicySet) -> FinishedAnswer:
    """The answer of the generation's present version. Raises EngineError, LeaseLostError."""
    generation, version, reply.guard = reply.generation, reply.version, None
    reply.tracer.tried.append(version.name)
    with reply.tracer.timed("model"):
        model = model_for(reply)
    reply.live.note("Reading" if reply.passages else "Thinking")
    with reply.working(), reply.tracer.timed("prompt"):
        hidden = hide_personal_data(history, reply.passages, policies, external=version.may_leave_company)
        unknown = _unknown_words(reply)
    prompt = build_prompt(
        model=model,
        system_prompt=version.system_prompt or SYSTEM_PROMPT,
        history=hidden.history,
        passages=hidden.passages,
        budget_tokens=prompt_budget(version.context_tokens, generation.max_tokens),
        unknown=unknown,
    )
    generation.summary = prompt.summary
    alone = model.count_tokens(hidden.history.messages[-1].text) if reply.passages else prompt.asked_tokens
    reply.tracer.see_prompt(system=prompt.system_tokens, asked=prompt.asked_tokens, question=alone)
    request = Request(
        max_tokens=_token_cap(generation), sampling={**version.sampling, **generation.sampling}, stop=generation.stop
    )
    if not reply.preface and not reply.is_unseen:  # With search down it is no answer for when that works.
        reply.cache_key = answer_key(
            generation,
            messages=prompt.messages,
            passages=reply.passages,
            request=request,
            hidden=hidden.names.values,
        )
    cached = find_cached(generation, reply.cache_key)
    generation.is_cached = cached is not None
    close_old_connections()
    scope = str(generation.user_id)
    stream = cached.replay() if cached else model.chat(prompt.messages, cache_scope=scope, **request)
    guard = policies.output_guard(external=version.may_leave_company)
    # The marker of a source would break JSON, and an array of numbers looks like one.
    is_plain = cached is None and not is_constrained(request["sampling"])
    citer = CitationStream(reply.passages, question=_question_of(generation)) if is_plain else None
    names = hidden.names
    if cached is not None:  # It has its data back already.
        for start, end, _ in names.places(cached.text):
            guard.spare(start, end)
        names = Placeholders()
    restorer = names.restorer(in_json=is_constrained(request["sampling"]))
    citer = relay(reply, stream, _put_back(reply.pieces(stream), restorer, guard), guard, citer)
    reply.tracer.see_writing(stream, reply.first_token_at)
    finished = judged(reply, _finished(reply, stream))
    if cached and finished.status == Status.COMPLETE:
        return replace(finished, cited=cached.cited, weak_citations=cached.weak_citations)
    return _cited(reply, citer, finished) if citer else finished


def is_scripted(generation: Generation) -> bool:
    return generation.version is not None and generation.version.provider == Provider.SCRIPTED


def _token_cap(generation: Generation) -> int:
    """The cap is there for models that loop. A script ends by itself, so only a smaller cap of the caller holds."""
    if is_scripted(generation) and generation.max_tokens >= settings.ANSWER_MAX_TOKENS:
        return SCRIPT_MAX_TOKENS
    return generation.max_tokens


def _put_back(pieces: Iterator[str], restorer: Restorer, guard: OutputGuard) -> Iterator[str]:
    """The employee's own data in place of its names; what the policy masks of personal data leaves it there."""
    for piece in pieces:
        yield _spare(restorer.feed(piece), guard)
    yield _spare(restorer.finish(), guard)


def _spare(restored: Restored, guard: OutputGuard) -> str:
    for start, end in restored.own:
        guard.spare(start, end)
    return restored.text


def _finished(reply: Reply, stream: Stream) -> FinishedAnswer:
    so_far = FinishedAnswer(
        status=Status.COMPLETE,
        text=reply.text,
        finish_reason="stop" if stream.finish_reason == "stop" or reply.stopped else "length",
        prompt_tokens=stream.usage.prompt_tokens,
        completion_tokens=stream.usage.completion_tokens,
        first_token_at=reply.first_token_at,
    )
    if reply.stopped:
        return replace(so_far, status=Status.STOPPED)
    if not reply.text.strip():
        return replace(so_far, status=Status.FAILED, text="", error_code="empty_answer")
    return so_far


def _cited(reply: Reply, citer: CitationStream, so_far: FinishedAnswer) -> FinishedAnswer:
    """With what the text cites, and which citations the passages do not bear out. A withheld answer cites nothing."""
    if not citer.is_whole:
        reply.cache_key = ""  # Given again, the answer would lack these citations for as long as it is kept.
    if so_far.status not in {Status.COMPLETE, Status.STOPPED} or not citer.claims:
        return so_far
    reply.renew()
    try:
        with reply.working(), reply.tracer.timed("citations"):
            weak = find_weak(citer.claims, reply.passages, question=_question_of(reply.generation))
    except EmbeddingError as error:
        log.warning("support_not_checked", generation=str(reply.generation.id), reason=str(error))
        return replace(so_far, cited=citer.cited)
    count_support(citer.claims, weak)
    # The preface stands before what was cited.
    offset = len(reply.text) - citer.written
    support = tuple((reply.passages[c.number - 1].document_version_id, c not in weak) for c in citer.claims)
    weak_citations = tuple(claim.at + offset for claim in weak)
    return replace(so_far, cited=citer.cited, weak_citations=weak_citations, support=support)


def _unknown_words(reply: Reply) -> list[str]:
    generation = reply.generation
    if not reply.passages:
        return []
    question = _question_of(generation)
    return find_unknown_words(user=generation.user, question=question, collections=generation.collections)


def _question_of(generation: Generation) -> str:
    return generation.message.parent.text if generation.message.parent else ""
