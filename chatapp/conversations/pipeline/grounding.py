"""Finds the passages that an answer may rest on, with the rights of the one who asked."""

from collections.abc import Sequence
from dataclasses import replace

from django.conf import settings

from chatapp.conversations.models import Generation, Message, MessageRole
from chatapp.moderation.models import Action
from chatapp.moderation.policy import PolicySet
from chatapp.retrieval.context import widen
from chatapp.retrieval.rewriting import rewrite_query
from chatapp.retrieval.search import Passage, find_passages


def ground(generation: Generation, history: Sequence[Message], policies: PolicySet) -> list[Passage]:
    """The best passages, without those that the context policy blocks. [] when nothing relevant may be seen."""
    if generation.collections == []:
        return []
    *earlier, question = (message.text for message in history if message.role == MessageRole.USER)
    user, wanted = generation.user, settings.RETRIEVED_PASSAGES
    external = generation.version is not None and generation.version.may_leave_company
    for query in rewrite_query(question, earlier):
        passages = find_passages(user=user, query=query, collections=generation.collections, k=wanted)
        if passages:
            return _cleared(
                widen(passages, user=user, characters=settings.CONTEXT_CHARACTERS), policies, external=external
            )
    return []


def _cleared(passages: Sequence[Passage], policies: PolicySet, *, external: bool) -> list[Passage]:
    """Where only what stands around a passage is blocked, the passage itself is given."""
    narrow = (p if _is_clear(p.given, policies, external=external) else replace(p, context="") for p in passages)
    return [p for p in narrow if _is_clear(p.given, policies, external=external)]


def _is_clear(text: str, policies: PolicySet, *, external: bool) -> bool:
    return policies.check_passage(text, external=external).action != Action.BLOCK
