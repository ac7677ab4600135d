"""Builds the prompt: the stable part first, so that the engine's prefix cache is hit, then history, then passages."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from chatapp.conversations.models import ConversationSummary, Generation, Message, MessageRole, Status
from chatapp.conversations.selectors import list_path
from chatapp.inference.engine import ChatMessage, ChatModel
from chatapp.retrieval.search import Passage

NOT_FOUND = (
    "That is not in the documents I can see. It may be written down somewhere that you have no access to, "
    "or nowhere yet: ask the owner of the topic, or try other words."
)
TURN_TOKENS = 8  # What a chat template sets round one message, at most.
# What begins a line of the prompt's frame or of a chat, whatever decorates it.
_FRAME = re.compile(
    r"\s*>|[\W_]*\[\s*\d|[\W_]*(?:documents?|question|answer|system|user|assistant|instructions?|employee)[\s*_`]*"
    r"(?:[:\uff1a]|$|\bend\b)",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
SEARCH_DOWN = "Search is not available now, so this answer does not rest on the company's documents.\n\n"


@dataclass(frozen=True, slots=True)
class History:
    """What was said, root first, without turns that were blocked, taken back or came to nothing.

    `summary` tells, in short, what stands in the first messages; they are here all the same.
    """

    messages: list[Message]
    summary: ConversationSummary | None = None
    is_whole: bool = True  # False when an answer was taken back: no later summary may be used, it may tell of it.

    @property
    def recent(self) -> list[Message]:
        """What the summary does not cover."""
        ids = [message.id for message in self.messages]
        covered = ids.index(self.summary.upto_id) + 1 if self.summary and self.summary.upto_id in ids else 0
        return self.messages[covered:]


@dataclass(frozen=True, slots=True)
class Prompt:
    """`summary` is what stands in it for older messages; None when they are in it themselves or were left out.

    `system_tokens` are the system prompt's, `asked_tokens` those of the question with its passages.
    """

    messages: list[ChatMessage]
    summary: ConversationSummary | None = None
    system_tokens: int = 0
    asked_tokens: int = 0


def read_history(generation: Generation) -> History:
    """What was said above the answer; the question is the last message."""
    return usable_history(list_path(generation.message)[:-1])


def usable_history(path: Sequence[Message]) -> History:
    usable: list[Message] = []
    summary, is_whole = None, True
    for message in path:
        run = getattr(message, "generation", None)
        if run is not None and (run.status in {Status.BLOCKED, Status.RETRACTED, Status.FAILED} or not message.text):
            is_whole = is_whole and run.status != Status.RETRACTED
            if usable and usable[-1].role == MessageRole.USER:
                usable.pop()
            continue
        usable.append(message)
        if is_whole:
            summary = getattr(message, "summary", summary)
    return History(usable, summary, is_whole)


def build_prompt(
    *,
    model: ChatModel,
    system_prompt: str,
    history: History,
    passages: Sequence[Passage],
    budget_tokens: int,
    unknown: Sequence[str] = (),
) -> Prompt:
    """A prompt of at most about `budget_tokens`.

    When not all that was said fits, the summary stands for what it covers, and of the rest the oldest gives way.
    """
    *earlier, question = history.messages
    asked = format_question(question.text, passages, unknown)
    asked_tokens, system_tokens = model.count_tokens(asked), model.count_tokens(system_prompt)
    left = budget_tokens - asked_tokens - system_tokens
    kept, summary, retold = newest_that_fit(model, earlier, left), None, list[ChatMessage]()
    if len(kept) < len(earlier) and history.summary is not None:
        before = _retell(history.summary)
        left -= sum(model.count_tokens(message["content"]) + TURN_TOKENS for message in before)
        if left >= 0:
            summary, retold = history.summary, before
            kept = newest_that_fit(model, history.recent[:-1], left)
    turns = [_chat_message(message.role, message.text) for message in kept]
    messages = [_chat_message("system", system_prompt), *retold, *turns, _chat_message("user", asked)]
    return Prompt(messages, summary, system_tokens, asked_tokens)


def newest_that_fit(model: ChatModel, messages: Sequence[Message], left: int) -> list[Message]:
    """The last of the messages that take at most `left` tokens, from a question on."""
    kept: list[Message] = []
    for message in reversed(messages):
        left -= model.count_tokens(message.text) + TURN_TOKENS
        if left < 0:
            break
        kept.insert(0, message)
    while kept and kept[0].role == MessageRole.ASSISTANT:
        kept.pop(0)
    return kept


def _retell(summary: ConversationSummary) -> list[ChatMessage]:
    """As a turn of the conversation, not as the system's word: it was made of what people and documents say."""
    return [
        _chat_message("user", f"What was said before, in short:\n{summary.text}"),
        _chat_message("assistant", "I have read it."),
    ]


def _chat_message(role: str, content: str) -> ChatMessage:
    return cast("ChatMessage", {"role": role, "content": content})


def format_question(question: str, passages: Sequence[Passage], unknown: Sequence[str] = ()) -> str:
    """The passages, numbered from 1, then the bare question, and which words of it stand in no document.

    Nothing that a document says, is named or is headed can pass for a line of this frame: not as the question, not as
    another passage, not as somebody's turn. Lines that look like one are quoted; all others stay as they are, because
    small models understand them better so (docs/retrieval.md has the figures).
    """
    if not passages:
        return question
    blocks = [f"[{n}] {_label(p)}\n{_quote(p.given)}" for n, p in enumerate(passages, start=1)]
    # What was hidden from this model is no word of the question as it reads it.
    read = set(_WORD.findall(question))
    absent = ", ".join(word for word in unknown if word in read)
    hint = f"\n(In no document: {absent}.)" if absent else ""
    return "Documents:\n" + "\n\n".join(blocks) + f"\n\nQuestion: {question}{hint}"


def _label(passage: Passage) -> str:
    page = f", page {passage.page}" if passage.page else ""
    label = f"{passage.document_name}{page}" + (f": {passage.heading}" if passage.heading else "")
    return " ".join(label.split())


def _quote(text: str) -> str:
    lines = (line.rstrip() for line in text.strip().splitlines())
    return "\n".join(f"> {line}".rstrip() if _FRAME.match(line) else line for line in lines)
