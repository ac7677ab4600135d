"""What a passage offers a sentence: figures, words and meaning; and the rules by which a sentence rests on it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from chatapp.retrieval.embedding import embed_texts
from chatapp.retrieval.search import Passage
from chatapp.retrieval.sentences import MARKER, find_sentences, words_in

# Calibrated on sentences of the demo handbook and on general talk (docs/retrieval.md has the figures).
ALIKE = 0.60
ALIKE_WITH_NUMBER = 0.40
SHARED_WORDS = 0.60
SHARED_WORDS_WITH_NUMBER = 0.50
SHARED_WORDS_WITH_ONLY_NUMBER = 0.20  # where no other passage has the sentence's figures, such as a cell of a table
MIN_WORDS = 4
_MIN_STEM = 4
# A passage can be a whole document; more of its sentences are not made vectors of, for one answer.
_MAX_SENTENCES = 60

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], start=2
    )
}
_COMMON_WORDS = (
    "a about after all also an and any are as at be been before but by can could do does for from had has have how if "
    "in into is it its may more most must not of on only or our per shall should so such than that the their them then "
    "there these they this to under up was we were what when where which who will with would you your "
    "according document documents information provided state stated states"
)
_COMMON = frozenset(_COMMON_WORDS.split())
# "The documents do not say" rests on no passage, however many of its words stand in one.
_DECLINES = re.compile(
    r"\b(?:(?:do|does|did|is|are|was|were|can|could) ?(?:not|n['\u2019]t) (?:\w+ ){0,2}"
    r"(?:say|stated?|mention(?:ed)?|contain|find|found|specif(?:y|ied)|provided?|include|in)\b"
    r"|no (?:\w+ ){0,2}(?:information|mention|details?)\b|not (?:\w+ )?(?:mentioned|specified|stated|found)\b)",
    re.IGNORECASE,
)
Vectors = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Offer:
    numbers: frozenset[str]
    stems: frozenset[str]


@lru_cache(maxsize=256)
def offer_of(passage: Passage) -> Offer:
    whole = _whole(passage)
    return Offer(numbers_in(whole), stems_in(whole))


@lru_cache(maxsize=256)
def sentences_of(passage: Passage) -> tuple[str, ...]:
    """The whole first, then its sentences."""
    return (_whole(passage), *(found.text for found in find_sentences(passage.given)[:_MAX_SENTENCES]))


@lru_cache(maxsize=256)
def vectors_of(passage: Passage) -> Vectors:
    """Of `sentences_of`. Raises EmbeddingError."""
    return np.asarray(embed_texts(sentences_of(passage)), dtype=np.float32)


def states_something(sentence: str, *, min_words: int = MIN_WORDS) -> bool:
    if sentence.rstrip("*_ ").endswith(("?", ":")) or _DECLINES.search(sentence):
        return False
    return len(words_in(sentence)) >= min_words or bool(_NUMBER.search(sentence))


def find_source(sentence: str, passages: Sequence[Passage], asked: frozenset[str]) -> int | None:
    """The number of the passage that the sentence rests on best, if on any; `asked` are the question's figures.

    A vector is made only of a sentence whose figures and words stand somewhere. Raises EmbeddingError.
    """
    numbers, stems = numbers_in(sentence) - asked, stems_in(sentence)
    holders = [n for n, passage in enumerate(passages, start=1) if numbers <= offer_of(passage).numbers]
    least_shared = SHARED_WORDS_WITH_NUMBER if numbers else SHARED_WORDS
    if numbers and len(holders) == 1:
        least_shared = SHARED_WORDS_WITH_ONLY_NUMBER
    shared = {n: share(stems, offer_of(passages[n - 1]).stems) for n in holders}
    candidates = [n for n in holders if shared[n] >= least_shared]
    if not candidates:
        return None
    least_alike = ALIKE_WITH_NUMBER if numbers else ALIKE
    if not stems:
        least_alike = 0.0  # A bare figure is like nothing; that it stands in the passage must do.
    vector = np.asarray(embed_texts([sentence])[0], dtype=np.float32)
    alike = {n: float((vectors_of(passages[n - 1]) @ vector).max()) for n in candidates}
    found = [(alike[n] + shared[n], n) for n in candidates if alike[n] >= least_alike]
    return max(found)[1] if found else None


def share(stems: frozenset[str], offered: frozenset[str]) -> float:
    return len(stems & offered) / len(stems) if stems else 1.0


def numbers_in(text: str) -> frozenset[str]:
    digits = {number.replace(",", "") for number in _NUMBER.findall(MARKER.sub("", text))}
    return frozenset(digits | {_NUMBER_WORDS[word] for word in words_in(text) if word in _NUMBER_WORDS})


def stems_in(text: str) -> frozenset[str]:
    """Crude on purpose: the first letters of words that carry meaning."""
    words = words_in(MARKER.sub("", text))
    return frozenset(word[: _MIN_STEM + 1] for word in words if word not in _COMMON and word not in _NUMBER_WORDS)


def _whole(passage: Passage) -> str:
    return f"{passage.heading}\n{passage.given}"
