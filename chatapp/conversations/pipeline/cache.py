"""Gives an answer again when all that made it is the same.

The key is a hash of the version, the whole prompt, the request, the policies and the passages, so whatever changes a
right, a document, a policy or a version leads to another key. Nothing has to be told to the cache, and a message that
was deleted or taken back is not found any more, because the cache only points at it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from django.conf import settings

from chatapp.conversations import selectors, services
from chatapp.conversations.metrics import ANSWER_CACHE
from chatapp.conversations.models import Generation, Status
from chatapp.conversations.services import FinishedAnswer
from chatapp.inference.engine import ChatMessage, Stream
from chatapp.inference.models import Provider
from chatapp.retrieval.search import Passage


@dataclass(frozen=True, slots=True)
class CachedText:
    """An answer as it was kept: with its citation markers, and what it took to make it."""

    text: str
    cited: frozenset[int]
    weak_citations: tuple[int, ...]
    prompt_tokens: int
    completion_tokens: int

    def replay(self) -> Stream:
        """A stream that has ended already, for the path that every answer goes."""
        stream = Stream(prompt_tokens=self.prompt_tokens)
        stream.completion_tokens = self.completion_tokens
        stream.write(self.text)
        stream.finish("stop")
        return stream


def answer_key(
    generation: Generation,
    *,
    messages: Sequence[ChatMessage],
    passages: Sequence[Passage],
    request: Mapping[str, object],
    hidden: Mapping[str, str],
) -> str:
    """Empty when the answer may not be given again: when chance has a part in it, or a script writes it.

    So it is in a temporary conversation, which neither leaves an answer behind nor shows that of another one.

    `request` is what the model is asked besides the messages, `hidden` what names in them stand for. Unless the setting
    says otherwise the user is part of the key: how fast an answer comes would tell that somebody else has asked the
    same.
    """
    version, sampling = generation.version, request["sampling"]
    if settings.ANSWER_CACHE_HOURS <= 0 or generation.message.conversation.is_temporary:
        return ""
    if version is None or version.provider == Provider.SCRIPTED:
        return ""
    if not isinstance(sampling, Mapping) or sampling.get("temperature") != 0:
        return ""
    made_of = {
        "user": "" if settings.ANSWER_CACHE_SCOPE == "company" else str(generation.user_id),
        "version": str(version.id),
        "messages": list(messages),
        "request": dict(request),
        "hidden": dict(hidden),
        "policy": generation.policy_version,
        "passages": [[str(passage.chunk_id), str(passage.document_version_id)] for passage in passages],
    }
    return sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


def find_cached(generation: Generation, key: str) -> CachedText | None:
    """None also for an answer that is asked for once more: who wants another one shall not get the same."""
    if not key or selectors.is_regenerated(generation):
        return None
    found = selectors.find_cached_answer(key)
    ANSWER_CACHE.labels(result="hit" if found else "miss").inc()
    if found is None:
        return None
    return CachedText(
        text=found.message.text,
        cited=frozenset(source.n for source in found.message.sources.all() if source.cited),
        weak_citations=tuple(found.message.weak_citations),
        prompt_tokens=found.message.generation.prompt_tokens,
        completion_tokens=found.message.generation.completion_tokens,
    )


def remember_answer(generation: Generation, key: str, finished: FinishedAnswer) -> None:
    """After the terminal commit. Kept are only whole answers in which no policy found anything."""
    whole = finished.status == Status.COMPLETE and finished.finish_reason == "stop"
    if key and whole and not finished.findings and not generation.is_cached:
        services.store_cached_answer(message_id=generation.message_id, key=key)
