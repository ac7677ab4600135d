"""Whether search found the sources of a golden question, and the figures of a whole run."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Protocol

from chatapp.retrieval.evaluation.metrics import Ranks, ndcg, recall, reciprocal_rank

CUTOFF = 10
# As many passages as fit into a prompt beside the question (docs/retrieval.md).
GIVEN_TO_THE_MODEL = 3
# The half of a shorter quote stands in too many passages.
_CUT_WORDS = 8
_WORD = re.compile(r"\w+")


class Found(Protocol):
    @property
    def document_name(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Source:
    """A document, and words of it where not every passage of it will do."""

    document: str
    quote: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, str]) -> "Source":
        return cls(document=data["document"], quote=data.get("quote", ""))


@dataclass(frozen=True, slots=True)
class Judged:
    """One question's measures; `is_right` is whether the model would have been given what it needs."""

    is_right: bool
    expects_answer: bool
    recall: float = 0.0
    recall_given: float = 0.0
    reciprocal_rank: float = 0.0
    ndcg: float = 0.0


def rank_sources(sources: Sequence[Source], passages: Sequence[Found]) -> list[int | None]:
    """The rank, from 1, of the first passage that holds each source; None where none does."""
    return [
        next((rank for rank, passage in enumerate(passages, 1) if _holds(passage, source)), None) for source in sources
    ]


def judge(ranks: Ranks, *, found: int) -> Judged:
    """`ranks` of a question that expects no answer are empty: then it is right to find nothing."""
    if not ranks:
        return Judged(is_right=found == 0, expects_answer=False)
    given = recall(ranks, k=GIVEN_TO_THE_MODEL)
    return Judged(
        is_right=given > 0,
        expects_answer=True,
        recall=recall(ranks, k=CUTOFF),
        recall_given=given,
        reciprocal_rank=reciprocal_rank(ranks, k=CUTOFF),
        ndcg=ndcg(ranks, k=CUTOFF),
    )


def figures_of(judged: Sequence[Judged], *, milliseconds: Sequence[float]) -> dict[str, float | int | None]:
    """Means over the questions that expect an answer, and over those that expect none; None where there are none."""
    answerable = [one for one in judged if one.expects_answer]
    others = [one for one in judged if not one.expects_answer]
    return {
        "questions": len(judged),
        "answerable": len(answerable),
        "recall_at_3": _mean([one.recall_given for one in answerable]),
        "recall_at_10": _mean([one.recall for one in answerable]),
        "mrr": _mean([one.reciprocal_rank for one in answerable]),
        "ndcg_at_10": _mean([one.ndcg for one in answerable]),
        "no_answer_accuracy": _mean([float(one.is_right) for one in others]),
        "milliseconds": round(median(milliseconds), 1) if milliseconds else None,
    }


def _holds(passage: Found, source: Source) -> bool:
    """A quote that is cut by the end of a passage counts where one of its halves stands whole."""
    if passage.document_name != source.document:
        return False
    quoted, text = _words(source.quote), f" {' '.join(_words(passage.text))} "
    half = len(quoted) // 2
    parts = [quoted, quoted[:half], quoted[half:]] if len(quoted) >= _CUT_WORDS else [quoted]
    return not quoted or any(f" {' '.join(part)} " in text for part in parts)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _mean(values: Sequence[float]) -> float | None:
    return round(fmean(values), 4) if values else None
