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


# Chosen on one half of a set of questions and tried on the other (docs/retrieval.md has the figures).
FLOOR = 0.54
# What it is worth that all of the query's words stand in a passage; a name or a code is found by it, about which the
# vector says little.
ALL_WORDS = 0.4


def is_relevant(found: Candidate) -> bool:
    """Whether a passage may be given as an answer at all: much alike, or less so and with the query's words."""
    return strength(found.passage.similarity, len(found.shared), found.asked) >= FLOOR


def strength(similarity: float, held: int, asked: int) -> float:
    """What the floor is compared with; `held` of the `asked` words stand in the passage."""
    return similarity + ALL_WORDS * (held / asked if asked else 0.0)
