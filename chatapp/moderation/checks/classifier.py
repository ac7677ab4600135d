"""Classifiers that run offline: the embedding model of the search, and a small linear head for each question.

A head is a JSON file in `moderation/heads/`, made by `python -m benchmarks.moderation.train`. It is logistic regression
on sentence embeddings: 384 weights and a bias, a threshold chosen on a curve, and where all that comes from.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from chatapp.moderation.checks.check import Parts
from chatapp.moderation.checks.examiner import Examiner, ExaminerError, Hit
from chatapp.moderation.checks.fields import FieldError

HEADS = Path(__file__).resolve().parents[1] / "heads"
# A piece of a word is a character at least, and the model reads 256 pieces: nothing of a window goes unread.
LONGEST = 250


@dataclass(frozen=True, slots=True)
class Head:
    embedding_model: str
    weights: tuple[float, ...]
    bias: float
    threshold: float

    def score(self, vector: Sequence[float]) -> float:
        """The probability that the head sees, 0 to 1. Raises ExaminerError for a vector of another length."""
        if len(vector) != len(self.weights):
            raise ExaminerError(f"The head has {len(self.weights)} weights, the vector {len(vector)} numbers.")
        total = self.bias + sum(weight * value for weight, value in zip(self.weights, vector, strict=True))
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


@dataclass(frozen=True, slots=True)
class Classifier:
    """`label` and `mask` are those of its hits.

    Somebody may wait for its answer, so it goes before background work; `in_background` it is that itself.
    """

    name: str
    label: str
    mask: str
    longest: int = LONGEST
    is_remote: bool = False
    in_background: bool = False

    def examine(self, texts: Sequence[str]) -> list[list[Hit]]:
        from chatapp.retrieval.embedding import EmbeddingError, embed_texts  # Loads torch: only in workers.

        head = load_head(self.name)
        written = [number for number, text in enumerate(texts) if text.strip()]
        try:
            vectors = embed_texts(
                [texts[number] for number in written], model=head.embedding_model, background=self.in_background
            )
        except EmbeddingError as error:
            raise ExaminerError(str(error)) from error
        hits: list[list[Hit]] = [[] for _ in texts]
        for number, vector in zip(written, vectors, strict=True):
            hits[number] = [Hit(0, len(texts[number]), head.score(vector), self.mask, self.label)]
        return hits


def give_way(examiner: Examiner) -> Examiner:
    """One that lets those go before for whom somebody waits, where it uses a model that is shared."""
    return replace(examiner, in_background=True) if isinstance(examiner, Classifier) else examiner


def parts_of(name: str, *, label: str, mask: str) -> Parts:
    """Of a check with this head, at the threshold that was chosen when it was trained. Raises FieldError."""
    try:
        threshold = load_head(name).threshold
    except ExaminerError as error:
        raise FieldError("kind", f"{name} cannot be used: its head is missing or broken.") from error
    return Parts(examiner=Classifier(name, label, mask), threshold=threshold)


@cache
def load_head(name: str) -> Head:
    """Raises ExaminerError when the file is missing or is no head."""
    try:
        return read_head(json.loads((HEADS / f"{name}.json").read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExaminerError(f"The head {name} cannot be read.") from error


def read_head(data: dict[str, object]) -> Head:
    """Raises KeyError, TypeError, ValueError."""
    weights, bias, threshold = data["weights"], data["bias"], data["threshold"]
    if not isinstance(weights, list) or not weights:
        raise TypeError("weights")
    numbers = [float(number) for number in (*weights, bias, threshold)]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("weights")
    return Head(str(data["embedding_model"]), tuple(numbers[:-2]), numbers[-2], numbers[-1])
