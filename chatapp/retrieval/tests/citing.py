"""What becomes of an answer that is whole already."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.retrieval.citations import CitationStream, Claim
from chatapp.retrieval.search import Passage


@dataclass(frozen=True, slots=True)
class CitedAnswer:
    text: str
    cited: frozenset[int]
    claims: tuple[Claim, ...]


def cite_sentences(answer: str, passages: Sequence[Passage], *, question: str = "") -> CitedAnswer:
    stream = CitationStream(passages, question=question, patience=None)
    text = stream.feed(answer) + stream.finish()
    return CitedAnswer(text, stream.cited, tuple(stream.claims))
