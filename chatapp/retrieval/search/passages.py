"""What search gives: passages, and when one counts as found."""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Passage:
    """`similarity` is the cosine to the query on the default model's scale (`retrieval/scale.py`).

    `score` is the fused one, of which only the order means something.

    `context` is what the model is given when it is more than the passage itself.
    """

    chunk_id: UUID
    document_id: UUID
    document_version_id: UUID
    document_name: str
    collection: str
    page: int | None
    heading: str
    text: str
    score: float
    similarity: float
    ordinal: int = 0
    section: int = 0
    context: str = ""

    @property
    def given(self) -> str:
        """The text that the model is given."""
        return self.context or self.text

    def as_dict(self) -> dict[str, Any]:
        """JSON for Celery."""
        ids = {key: str(getattr(self, key)) for key in ("chunk_id", "document_id", "document_version_id")}
        return {**asdict(self), **ids}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Passage":
        ids = {key: UUID(data[key]) for key in ("chunk_id", "document_id", "document_version_id")}
        return cls(**{**data, **ids})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage with the evidence for it: the query's words that it holds, of how many; its places in the two lists.

    `weight` is that of BM25, whether or not it is in the list of words.
    """

    passage: Passage
    shared: frozenset[str]
    asked: int
    near_rank: int | None = None
    word_rank: int | None = None
    weight: float = 0.0


# Measured on the demo company's handbook (docs/retrieval.md has the figures).
SIMILAR = 0.40
RELATED = 0.25
SHARED_WORDS = 0.5
# A name or a code that stands in the text counts although its vector says little.
NAMED = 0.20


def is_relevant(found: Candidate) -> bool:
    """Whether a passage may be given as an answer at all: much alike, or alike and with the query's words."""
    similarity = found.passage.similarity
    words = len(found.shared) / found.asked if found.asked else 0.0
    return (
        similarity >= SIMILAR
        or (similarity >= RELATED and words >= SHARED_WORDS)
        or (similarity >= NAMED and words == 1.0)
    )
