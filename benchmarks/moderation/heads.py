"""What the two heads are trained and measured on, and how texts are scored."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.moderation.datasets import (
    ORDERS,
    ORDINARY,
    Example,
    Part,
    digest_of,
    read_documents,
    read_injection,
    read_orders,
    read_ordinary,
    read_toxicity,
)
from benchmarks.moderation.vectors import Matrix, Vectors
from chatapp.moderation.checks.classifier import Head

# Harmless texts of the other set: questions beside comments of the web, and the other way round.
_OTHERS = 1_500


@dataclass(frozen=True, slots=True)
class Paths:
    injection: Path
    toxicity: Path
    documents: Path


@dataclass(frozen=True, slots=True)
class Material:
    """`examples` are of the head's own set, `others` harmless ones from elsewhere, `orders` bad ones made for this."""

    name: str
    examples: tuple[Example, ...]
    others: tuple[Example, ...]
    data: tuple[dict[str, str], ...]
    orders: tuple[Example, ...] = ()

    def of(self, part: Part) -> list[Example]:
        return [example for example in (*self.examples, *self.others, *self.orders) if example.part is part]


def read_materials(paths: Paths) -> list[Material]:
    attacks, comments = tuple(read_injection(paths.injection)), tuple(read_toxicity(paths.toxicity))
    ordinary = (*read_ordinary(), *read_documents(paths.documents))
    data = (
        {"name": "S-Labs/prompt-injection-dataset", "licence": "MIT", "sha256": digest_of(paths.injection)},
        {"name": "openai/moderation-api-release", "licence": "MIT", "sha256": digest_of(paths.toxicity)},
        {"name": "18F/handbook", "licence": "CC0-1.0", "sha256": digest_of(paths.documents)},
        {"name": "benchmarks/moderation/ordinary.json", "licence": "as this project", "sha256": digest_of(ORDINARY)},
    )
    orders = {"name": "benchmarks/moderation/orders.json", "licence": "as this project", "sha256": digest_of(ORDERS)}
    return [
        Material("injection", attacks, (*ordinary, *_harmless(comments)), (*data, orders), tuple(read_orders())),
        Material("toxicity", comments, (*ordinary, *_harmless(attacks)), data),
    ]


def _harmless(examples: Iterable[Example]) -> Iterator[Example]:
    return islice((e for e in examples if not e.is_bad and e.part is Part.TRAINING), _OTHERS)


def score_texts(head: Head, vectors: Vectors, texts: Sequence[Sequence[str]]) -> list[float]:
    """The highest score of each text's windows, as the product judges; 0 for a text without any."""
    flat = [window for windows in texts for window in windows]
    scores = iter(probabilities(head, vectors.of(flat)).tolist() if flat else [])
    return [max((next(scores) for _ in windows), default=0.0) for windows in texts]


def probabilities(head: Head, matrix: Matrix) -> Matrix:
    result: Matrix = 1.0 / (1.0 + np.exp(-(matrix @ np.asarray(head.weights) + head.bias)))
    return result
