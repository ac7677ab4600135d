"""Builds the prompt: the stable part first, so that the engine's prefix cache is hit, then history, then passages."""

from collections.abc import Sequence

from django.conf import settings

from chatapp.conversations.models import Generation, Message, MessageRole, Status
from chatapp.inference.engine import ChatMessage, TextEngine
from chatapp.retrieval.search import Passage

NOT_FOUND = (
    "That is not in the documents I can see. It may be written down somewhere that you have no access to, "
    "or nowhere yet: ask the owner of the topic, or try other words."
)
# Few-shot and one word long: decides whether a question without any passage may be answered from general knowledge.
ROUTER_PROMPT = (
    "Does answering the message need facts about this particular company (its rules, benefits, people, products, "
    "prices, customers, places, tools, dates)? Reply yes or no.\n"
    "Message: How many vacation days do I have?\nReply: yes\n"
    "Message: Write a haiku about rain.\nReply: no\n"
    "Message: Who approves travel?\nReply: yes\n"
    "Message: Hello, how are you?\nReply: no\n"
    "Message: What does our premium plan cost?\nReply: yes\n"
    "Message: Explain what a hash table is.\nReply: no\n"
    "Message: {question}\nReply:"
)
ROUTER_CHARACTERS = 400


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
    engine: TextEngine,
    system_prompt: str,
    history: Sequence[Message],
    passages: Sequence[Passage],
    budget_tokens: int,
) -> str:
    """The rendered prompt of at most about `budget_tokens`: the oldest turns give way first, then nothing else."""
    *earlier, question = history
    asked = format_question(question.text, passages)
    left = budget_tokens - engine.count_tokens(asked) - engine.count_tokens(system_prompt)
    kept: list[ChatMessage] = []
    for message in reversed(earlier):
        left -= engine.count_tokens(message.text) + 8
        if left < 0:
            break
        kept.insert(0, {"role": message.role, "content": message.text})
    while kept and kept[0]["role"] == MessageRole.ASSISTANT:
        kept.pop(0)
    messages: list[ChatMessage] = [{"role": "system", "content": system_prompt}, *kept]
    return engine.render_chat([*messages, {"role": "user", "content": asked}])


def format_question(question: str, passages: Sequence[Passage]) -> str:
    """The fenced passages, numbered from 1, then the bare question."""
    if not passages:
        return question
    blocks = [f"[{n}] {_label(p)}\n{p.text.strip()}" for n, p in enumerate(passages, start=1)]
    return "Documents:\n" + "\n\n".join(blocks) + f"\n\nQuestion: {question}"


def router_prompt(engine: TextEngine, question: str) -> str:
    """Lets the model itself say in one word whether general knowledge would not do."""
    asked = ROUTER_PROMPT.format(question=" ".join(question.split())[:ROUTER_CHARACTERS])
    return engine.render_chat([{"role": "user", "content": asked}])


def says_yes(reply: str) -> bool:
    return reply.strip().lower().startswith("yes")


def prompt_budget(context_tokens: int, max_tokens: int) -> int:
    """Tokens that a prompt may take: what the context leaves, and no more than the machine reads in good time."""
    return max(256, min(settings.PROMPT_MAX_TOKENS, context_tokens - max_tokens - 64))


def _label(passage: Passage) -> str:
    page = f", page {passage.page}" if passage.page else ""
    return f"{passage.document_name}{page}" + (f": {passage.heading}" if passage.heading else "")
