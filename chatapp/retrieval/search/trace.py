"""What one search did, step by step, for the page that explains it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from time import perf_counter
from typing import Any

from chatapp.retrieval.metrics import RETRIEVAL_SECONDS
from chatapp.retrieval.search.passages import Candidate, Passage
from chatapp.retrieval.search.terms import Term


class Fate(StrEnum):
    """What became of a candidate."""

    GIVEN = "given"
    SURPLUS = "surplus"
    BELOW_FLOOR = "below_floor"
    DUPLICATE = "duplicate"


@dataclass(slots=True)
class Judged:
    """A candidate and its fate; `twin` is the better passage that a duplicate repeats."""

    candidate: Candidate
    fate: Fate
    twin: Passage | None = None
    rerank: float | None = None

    def as_dict(self) -> dict[str, Any]:
        found, passage = self.candidate, self.candidate.passage
        return {
            **passage.as_dict(),
            "near_rank": found.near_rank,
            "word_rank": found.word_rank,
            "bm25": found.weight,
            "words": sorted(found.shared),
            "asked": found.asked,
            "rerank": self.rerank,
            "fate": self.fate.value,
            "twin": str(self.twin.chunk_id) if self.twin else None,
        }


@dataclass(slots=True)
class SearchTrace:
    """`judged` is in fused order; `given` is what the search gives, in the order after reranking.

    `readable` counts the passages that were searched. `withheld` counts those of all collections that the user may
    not read, whatever was asked, and is None for users who may not know it.
    """

    query: str
    model: str = ""
    readable: int = 0
    withheld: int | None = None
    exact: bool = False
    terms: list[Term] = field(default_factory=list)
    picked: str = ""
    judged: list[Judged] = field(default_factory=list)
    given: list[Judged] = field(default_factory=list)
    reranked: bool = False
    milliseconds: dict[str, float] = field(default_factory=dict)

    @property
    def passages(self) -> list[Passage]:
        return [judged.candidate.passage for judged in self.given]

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        started = perf_counter()
        try:
            yield
        finally:
            seconds = perf_counter() - started
            RETRIEVAL_SECONDS.labels(stage=stage).observe(seconds)
            self.milliseconds[stage] = round(seconds * 1_000, 2)

    def as_dict(self) -> dict[str, Any]:
        """JSON: each passage once, by id; then the lists of ids, best first."""
        rows = {str(judged.candidate.passage.chunk_id): judged.as_dict() for judged in self.judged}
        fates = [judged.fate for judged in self.judged]
        return {
            "query": self.query,
            "model": self.model,
            "readable": self.readable,
            "withheld": self.withheld,
            "exact": self.exact,
            "terms": [asdict(term) for term in self.terms],
            "picked": self.picked,
            "passages": rows,
            "near": _ranked(rows, "near_rank"),
            "words": _ranked(rows, "word_rank"),
            "fused": list(rows),
            "reranked": self.reranked,
            "given": [str(judged.candidate.passage.chunk_id) for judged in self.given],
            "removed": {fate.value: fates.count(fate) for fate in (Fate.BELOW_FLOOR, Fate.DUPLICATE)},
            "milliseconds": self.milliseconds,
        }


def _ranked(rows: dict[str, dict[str, Any]], rank: str) -> list[str]:
    listed = [(row[rank], chunk) for chunk, row in rows.items() if row[rank] is not None]
    return [chunk for _, chunk in sorted(listed)]
