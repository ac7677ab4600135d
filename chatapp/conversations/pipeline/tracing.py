"""What one answer was made of, for who asks why it is as it is: ids, numbers and times, never text of anybody.

What was searched for is worked out again from the conversation as it stands when somebody looks, so nothing that is
masked or deleted there is left here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import Any

from django.utils import timezone

from chatapp.inference.engine import Stream
from chatapp.retrieval.search import SearchTrace
from chatapp.retrieval.search.trace import Fate, Judged

# Beside what is given: the best of what is not.
SHOWN_PASSAGES = 20


@dataclass
class AnswerTracer:
    """Of one attempt. Written by its own thread alone."""

    milliseconds: dict[str, float] = field(default_factory=dict)
    search: dict[str, Any] | None = None
    is_search_down: bool = False
    queries: int = 0  # That were tried.
    blocked: int = 0  # Passages that a policy kept from the model.
    prompt: dict[str, int] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)  # Names of versions.
    reused_tokens: int = 0
    asked_at: datetime | None = None

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        started = perf_counter()
        try:
            yield
        finally:
            self.add(stage, perf_counter() - started)

    def add(self, stage: str, seconds: float) -> None:
        self.milliseconds[stage] = round(self.milliseconds.get(stage, 0.0) + max(seconds, 0.0) * 1_000, 1)

    def see_search(self, trace: SearchTrace) -> None:
        """The last one counts: it found something, or nothing did."""
        self.queries += 1
        fates = [judged.fate for judged in trace.judged]
        self.search = {
            "model": trace.model,
            "readable": trace.readable,
            "is_exact": trace.exact,
            "is_reranked": trace.reranked,
            "fates": {fate.value: fates.count(fate) for fate in Fate},
            "milliseconds": trace.milliseconds,
            "passages": [_row(judged) for judged in _shown(trace)],
        }

    def see_prompt(self, *, system: int, asked: int, question: int) -> None:
        """In tokens; `asked` is the question with its passages, as the model is given it."""
        self.prompt = {"system": system, "documents": max(asked - question, 0), "question": question}
        self.asked_at = timezone.now()

    def see_writing(self, stream: Stream, first_token_at: datetime | None) -> None:
        """After its last piece."""
        usage = stream.usage
        self.reused_tokens = usage.reused_tokens
        counted = sum(self.prompt.values())
        # The rest of what the engine has read: earlier turns, and what a chat template sets round each.
        self.prompt |= {"history": max(usage.prompt_tokens - counted, 0), "total": usage.prompt_tokens or counted}
        if self.asked_at is None or first_token_at is None:
            return
        self.add("first_token", (first_token_at - self.asked_at).total_seconds())
        self.add("writing", (timezone.now() - first_token_at).total_seconds())

    def as_dict(self) -> dict[str, Any]:
        return {
            "milliseconds": self.milliseconds,
            "search": self.search,
            "is_search_down": self.is_search_down,
            "queries": self.queries,
            "blocked": self.blocked,
            "prompt": self.prompt,
            "tried": self.tried,
            "reused_tokens": self.reused_tokens,
        }


def _shown(trace: SearchTrace) -> list[Judged]:
    others = [judged for judged in trace.judged if judged.fate != Fate.GIVEN]
    return [*trace.given, *others[:SHOWN_PASSAGES]]


def _row(judged: Judged) -> dict[str, Any]:
    found, passage = judged.candidate, judged.candidate.passage
    return {
        "chunk": str(passage.chunk_id),
        "document": str(passage.document_id),
        "page": passage.page,
        "fate": judged.fate.value,
        "similarity": round(passage.similarity, 3),
        "score": round(passage.score, 3),
        "bm25": round(found.weight, 2),
        "near_rank": found.near_rank,
        "word_rank": found.word_rank,
        "words": [len(found.shared), found.asked],
        "rerank": None if judged.rerank is None else round(judged.rerank, 3),
    }
