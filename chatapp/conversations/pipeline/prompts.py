"""Builds the prompt: the stable part first, so that the engine's prefix cache is hit, then history, then passages."""

from collections.abc import Sequence
from typing import cast

from django.conf import settings

from chatapp.conversations.models import Generation, Message, MessageRole, Status
from chatapp.inference.engine import ChatMessage, ChatModel
from chatapp.retrieval.search import Passage

NOT_FOUND = (
    "That is not in the documents I can see. It may be written down somewhere that you have no access to, "
    "or nowhere yet: ask the owner of the topic, or try other words."
)
SEARCH_DOWN = "Search is not available now, so this answer does not rest on the company's documents.\n\n"


def list_history(generation: Generation) -> list[Message]:
    """The messages above the answer, the question last; turns that were blocked or came to nothing are left out."""
    path: list[Message] = []
    at = generation.message.parent
    while at is not None:
        path.append(at)
        at = at.parent
    usable: list[Message] = []
    for message in reversed(path):
        run = getattr(message, "generation", None)
        if run is not None and (run.status in {Status.BLOCKED, Status.RETRACTED, Status.FAILED} or not message.text):
            if usable and usable[-1].role == MessageRole.USER:
                usable.pop()
            continue
        usable.append(message)
    return usable


def build_prompt(
    *,
    model: ChatModel,
    system_prompt: str,
    history: Sequence[Message],
    passages: Sequence[Passage],
    budget_tokens: int,
) -> list[ChatMessage]:
    """The messages of a prompt of at most about `budget_tokens`: the oldest turns give way first, then nothing else."""
    *earlier, question = history
    asked = format_question(question.text, passages)
    left = budget_tokens - model.count_tokens(asked) - model.count_tokens(system_prompt)
    kept: list[Message] = []
    for message in reversed(earlier):
        left -= model.count_tokens(message.text) + 8
        if left < 0:
            break
        kept.insert(0, message)
    while kept and kept[0].role == MessageRole.ASSISTANT:
        kept.pop(0)
    told = [("system", system_prompt), *((m.role, m.text) for m in kept), ("user", asked)]
    return [cast("ChatMessage", {"role": role, "content": text}) for role, text in told]


def format_question(question: str, passages: Sequence[Passage]) -> str:
    """The fenced passages, numbered from 1, then the bare question."""
    if not passages:
        return question
    blocks = [f"[{n}] {_label(p)}\n{p.text.strip()}" for n, p in enumerate(passages, start=1)]
    return "Documents:\n" + "\n\n".join(blocks) + f"\n\nQuestion: {question}"


def prompt_budget(context_tokens: int, max_tokens: int) -> int:
    """Tokens that a prompt may take: what the context leaves, and no more than the machine reads in good time."""
    return max(256, min(int(settings.PROMPT_MAX_TOKENS), context_tokens - max_tokens - 64))


def _label(passage: Passage) -> str:
    page = f", page {passage.page}" if passage.page else ""
    return f"{passage.document_name}{page}" + (f": {passage.heading}" if passage.heading else "")
