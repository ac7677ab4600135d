"""A finished answer in OpenAI's shape, with what this product adds to it."""

from typing import Any

from chatapp.accounts.models import User
from chatapp.api.selectors import list_verdicts_for
from chatapp.conversations.models import NO_MODEL, Generation, Source, Status
from chatapp.conversations.selectors import Turn, get_turn_for, weak_sources
from chatapp.errors import PROBLEMS, ChatappError
from chatapp.retrieval.selectors import passage_url

_ENDED = frozenset({Status.COMPLETE, Status.STOPPED, Status.BLOCKED, Status.RETRACTED})
NO_MODEL_RETRY_SECONDS = 60
_FILTERED = frozenset({Status.BLOCKED, Status.RETRACTED})


class Answer:
    """Loaded once when the answer has ended; everything that a response says of it comes from here."""

    def __init__(self, user: User, generation: Generation) -> None:
        self.turn: Turn = get_turn_for(user, generation.message_id)
        self.generation = self.turn.generation or generation
        self.verdicts = [
            {"check": v.check_name, "stage": v.stage, "action": v.action, "severity": v.severity}
            for v in list_verdicts_for(user, generation.id)
        ]

    @property
    def text(self) -> str:
        return self.turn.text

    @property
    def model(self) -> str:
        return self.generation.version.name if self.generation.version else ""

    @property
    def fallback_from(self) -> str | None:
        """The version that should have answered and did not."""
        return self.generation.fallback_from.name if self.generation.fallback_from else None

    @property
    def problem(self) -> ChatappError | None:
        """Why there is no whole answer; None when there is one, if cut short by a limit, a stop or a rule."""
        if self.generation.status in _ENDED:
            return None
        if self.generation.status == Status.INTERRUPTED:
            return ChatappError("interrupted")
        # Only codes whose sentence needs nothing filled in can be told without what filled it.
        if self.generation.error_code == NO_MODEL:
            return ChatappError(NO_MODEL, seconds=NO_MODEL_RETRY_SECONDS)
        known = PROBLEMS.get(self.generation.error_code)
        return ChatappError("generation_failed" if known is None or "{" in known.title else self.generation.error_code)

    @property
    def finish_reason(self) -> str:
        if self.generation.status in _FILTERED:
            return "content_filter"
        return "length" if self.generation.finish_reason == "length" else "stop"

    @property
    def usage(self) -> dict[str, int]:
        prompt, completion = self.generation.prompt_tokens, self.generation.completion_tokens
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    @property
    def citations(self) -> list[dict[str, Any]]:
        weak = weak_sources(self.turn.message)
        cited = [source for source in self.turn.sources if source.cited]
        return [shape_citation(source, supported=source.n not in weak) for source in cited]

    @property
    def extras(self) -> dict[str, Any]:
        return {
            "generation": str(self.generation.id),
            "conversation": str(self.turn.message.conversation_id),
            "model_version": self.model,
            "fallback_from": self.fallback_from,
            "is_cached": self.generation.is_cached,
            "policy_version": self.generation.policy_version,
            "collections": self.generation.collections or [],
            "citations": self.citations,
            "verdicts": self.verdicts,
        }


def shape_citation(source: Source, *, supported: bool) -> dict[str, Any]:
    """A document that was deleted, or closed to the caller, since is still named; the rest of it is null.

    `supported`: the passage bears out every sentence that cites it.
    """
    version, chunk, url = (source.document_version, source.chunk, None) if source.is_readable else (None, None, None)
    if version is not None and chunk is not None:
        url = passage_url(document_id=version.document_id, version=version.number, ordinal=chunk.ordinal)
    return {
        "n": source.n,
        "document": str(version.document_id) if version else None,
        "document_version": str(version.id) if version else None,
        "name": source.document_name,
        "page": source.page,
        "quote": source.quote if version else None,
        "url": url,
        "supported": supported,
    }


def completion_id(generation: Generation) -> str:
    return f"chatcmpl-{generation.id.hex}"


def shape_completion(answer: Answer) -> dict[str, Any]:
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    return {
        "id": completion_id(answer.generation),
        "object": "chat.completion",
        "created": int(answer.generation.created_at.timestamp()),
        "model": answer.model,
        "choices": [{"index": 0, "message": message, "finish_reason": answer.finish_reason, "logprobs": None}],
        "usage": answer.usage,
        "chatapp": answer.extras,
    }
