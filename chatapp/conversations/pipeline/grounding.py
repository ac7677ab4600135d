"""Finds the passages that an answer may rest on, with the rights of the one who asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.conf import settings

from chatapp.conversations.models import Generation, Message, MessageRole
from chatapp.conversations.pipeline.tracing import AnswerTracer
from chatapp.moderation.checks import Finding
from chatapp.moderation.models import Action
from chatapp.moderation.policy import PolicySet
from chatapp.retrieval.context import widen
from chatapp.retrieval.rewriting import rewrite_query
from chatapp.retrieval.search import Passage, find_passages


@dataclass(frozen=True, slots=True)
class Grounds:
    """The best passages as the policies let a model read them, and what the checks found in those and in others."""

    passages: list[Passage]
    findings: tuple[Finding, ...] = ()


def ground(
    generation: Generation, history: Sequence[Message], policies: PolicySet, tracer: AnswerTracer | None = None
) -> Grounds:
    """No passages when nothing relevant may be seen. Raises EmbeddingError."""
    tracer = tracer or AnswerTracer()
    if generation.collections == []:
        return Grounds([])
    *earlier, question = (message.text for message in history if message.role == MessageRole.USER)
    user, wanted = generation.user, settings.RETRIEVED_PASSAGES
    external = generation.version is not None and generation.version.may_leave_company
    for query in rewrite_query(question, earlier):
        passages = find_passages(
            user=user, query=query, collections=generation.collections, k=wanted, observe=tracer.see_search
        )
        if passages:
            widened = widen(passages, user=user, characters=settings.CONTEXT_CHARACTERS)
            grounds = _cleared(widened, policies, external=external)
            tracer.blocked = len(widened) - len(grounds.passages)
            return grounds
    return Grounds([])


def _cleared(passages: Sequence[Passage], policies: PolicySet, *, external: bool) -> Grounds:
    """Where only what stands around a passage is blocked, the passage itself is given."""
    kept: list[Passage] = []
    findings: list[Finding] = []
    for passage in passages:
        decision = policies.check_passage(passage.given, external=external)
        findings += decision.findings
        if decision.action == Action.BLOCK and passage.context:
            decision = policies.check_passage(passage.text, external=external)
        if decision.action == Action.BLOCK:
            continue
        kept.append(replace(passage, context="" if decision.text == passage.text else decision.text))
    return Grounds(kept, tuple(findings))
