"""Finds the passages that an answer may rest on, with the rights of the one who asked."""

from collections.abc import Sequence

from django.conf import settings

from chatapp.conversations.models import Generation, Message, MessageRole
from chatapp.moderation.models import Action
from chatapp.moderation.policy import PolicySet
from chatapp.retrieval.search import Passage, find_passages


def ground(generation: Generation, history: Sequence[Message], policies: PolicySet) -> list[Passage]:
    """The best passages, without those that the context policy blocks. [] when nothing relevant may be seen."""
    if generation.collections == []:
        return []
    question = history[-1].text
    for query in _queries(question, history):
        passages = find_passages(
            user=generation.user, query=query, collections=generation.collections, k=settings.RETRIEVED_PASSAGES
        )
        if passages:
            return _cleared(passages, policies)
    return []


def _queries(question: str, history: Sequence[Message]) -> list[str]:
    """The question alone; then, for a follow-up such as "and for part-timers?", with the question before it."""
    before = [message.text for message in history[:-1] if message.role == MessageRole.USER]
    return [question, f"{before[-1]} {question}"] if before else [question]


def _cleared(passages: Sequence[Passage], policies: PolicySet) -> list[Passage]:
    return [p for p in passages if policies.check_passage(p.text).action != Action.BLOCK]
