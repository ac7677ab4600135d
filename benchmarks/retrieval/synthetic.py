"""Passages for scale: vectors in clusters, and texts whose words follow Zipf's law: some are in most of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.retrieval.database import Text

DIMENSIONS = 384
WORDS_OF_A_PASSAGE = 80
_VOCABULARY = 50_000
# A passage is this far from its cluster's middle: neighbours have a cosine of about 0.7, as with sentence embeddings.
_SPREAD = 0.65
_PASSAGES_OF_A_CLUSTER = 200
_CONSONANTS, _VOWELS = "bcdfghjklmnprtvwz", "aeiou"


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    vector: "np.ndarray[Any, Any]"


class World:
    """Passages and questions about the same things; the same ones for the same seed."""

    def __init__(self, *, passages: int, seed: int) -> None:
        self._chance = np.random.default_rng(seed)
        self._middles = _unit(self._chance.normal(size=(max(passages // _PASSAGES_OF_A_CLUSTER, 1), DIMENSIONS)))
        weights = 1 / (
            np.arange(_VOCABULARY) + 20
        )  # shifted as Mandelbrot did: the commonest is in four of ten passages
        self._weights = weights / weights.sum()
        self._words = np.array([_word(number) for number in range(_VOCABULARY)])

    def passages(self, count: int) -> tuple[list[Text], "np.ndarray[Any, Any]"]:
        drawn = self._chance.choice(self._words, size=(count, WORDS_OF_A_PASSAGE + 3), p=self._weights)
        texts = [Text(heading=" ".join(row[:3]), text=" ".join(row[3:])) for row in drawn]
        return texts, self._points(count)

    def questions(self, count: int, *, common: bool) -> list[Question]:
        """Eight words each, as a passage has them; with `common`, all are of the fifty commonest."""
        words, weights = (self._words[:50], None) if common else (self._words, self._weights)
        drawn = self._chance.choice(words, size=(count, 8), p=weights)
        return [Question(" ".join(row), point) for row, point in zip(drawn, self._points(count), strict=True)]

    def _points(self, count: int) -> "np.ndarray[Any, Any]":
        middles = self._middles[self._chance.integers(len(self._middles), size=count)]
        return _unit(middles + _SPREAD * _unit(self._chance.normal(size=(count, DIMENSIONS))))


def _unit(vectors: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _word(number: int) -> str:
    """Syllables in place of digits; the last letter keeps the stemmer from making two words one."""
    syllables = list[str]()
    while number or not syllables:
        number, consonant = divmod(number, len(_CONSONANTS))
        number, vowel = divmod(number, len(_VOWELS))
        syllables.append(_CONSONANTS[consonant] + _VOWELS[vowel])
    return "".join(syllables) + "k"
