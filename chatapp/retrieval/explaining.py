"""Why a search gave what it gave: made in a worker as JSON, read by the page that shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse

from chatapp.accounts.models import User
from chatapp.retrieval.rewriting import rewrite_query
from chatapp.retrieval.search import explain_search
from chatapp.retrieval.search.passages import FLOOR, strength
from chatapp.retrieval.search.trace import Fate
from chatapp.retrieval.selectors import PASSAGES_PER_PAGE

_LISTED_FIRST = 10
STAGES = {"plan": "Plan", "embed": "Vector of the question", "search": "Search", "rerank": "Reranking"}


def explain_question(
    *, user: User, question: str, earlier: Sequence[str], collections: Sequence[str] | None, k: int
) -> dict[str, Any]:
    """As an answer is grounded: the rewritten queries in turn, until one finds something. Raises EmbeddingError."""
    queries = rewrite_query(question, earlier)
    for number, query in enumerate(queries):
        trace = explain_search(user=user, query=query, collections=collections, k=k)
        if trace.given or number + 1 == len(queries):
            return {"queries": queries, "used": number, "trace": trace.as_dict()}
    raise AssertionError("A question has at least itself as a query.")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that one of the lists brought; `rank` is its place after the fusion, `place` among what is given."""

    rank: int
    row: dict[str, Any]
    place: int | None
    reason: str
    url: str

    @property
    def is_given(self) -> bool:
        return self.place is not None


@dataclass(frozen=True, slots=True)
class Explanation:
    queries: list[str]
    used: int
    trace: dict[str, Any]
    candidates: list[Candidate]

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> "Explanation":
        trace = found["trace"]
        rows, given = trace["passages"], trace["given"]
        candidates = [
            Candidate(
                rank,
                rows[chunk],
                given.index(chunk) + 1 if chunk in given else None,
                _reason(rows[chunk], rows),
                _url(rows[chunk]),
            )
            for rank, chunk in enumerate(trace["fused"], 1)
        ]
        return cls(found["queries"], found["used"], trace, candidates)

    @property
    def first(self) -> list[Candidate]:
        """What counts as found, and the best of what does not."""
        return [one for one in self.candidates if self._is_first(one)]

    @property
    def rest(self) -> list[Candidate]:
        return [one for one in self.candidates if not self._is_first(one)]

    @property
    def near(self) -> list[Candidate]:
        return self._listed("near_rank")

    @property
    def words(self) -> list[Candidate]:
        return self._listed("word_rank")

    @property
    def stages(self) -> list[tuple[str, float]]:
        return [(STAGES.get(stage, stage), time) for stage, time in self.trace["milliseconds"].items()]

    @property
    def given(self) -> int:
        return len(self.trace["given"])

    def _is_first(self, one: Candidate) -> bool:
        return one.rank <= _LISTED_FIRST or one.row["fate"] != Fate.BELOW_FLOOR

    def _listed(self, rank: str) -> list[Candidate]:
        return sorted((one for one in self.candidates if one.row[rank]), key=lambda one: int(one.row[rank]))


def _reason(row: dict[str, Any], rows: dict[str, dict[str, Any]]) -> str:
    if row["fate"] == Fate.DUPLICATE:
        twin = rows.get(row["twin"], {})
        return f"It repeats a better passage of {twin.get('document_name', 'another document')}."
    if row["fate"] == Fate.SURPLUS:
        return "It counts as found, but better ones take the places."
    return _evidence(row["similarity"], len(row["words"]), row["asked"])


def _evidence(similarity: float, held: int, asked: int) -> str:
    """What `is_relevant` added up."""
    words = f"{held} of {asked} word{'' if asked == 1 else 's'}"
    total = strength(similarity, held, asked)
    side = "Above" if total >= FLOOR else "Below"
    return f"{side} the floor of {FLOOR:.2f}: similarity {similarity:.2f} and {words} make {total:.2f}."


def _url(row: dict[str, Any]) -> str:
    start = row["ordinal"] - row["ordinal"] % PASSAGES_PER_PAGE
    part = f"?from={start}" if start else ""
    return f"{reverse('document', args=[UUID(row['document_id'])])}{part}#passage-{row['ordinal']}"
