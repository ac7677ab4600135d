"""Whether the passages that a sentence cites bear it out: figures, names, words, meaning, and a denial that they lack.

A check, no proof. It does not see names that change places within a passage, opposites ("before", "after"), or an
exception that is left out.
"""

import re
from collections.abc import Sequence

import numpy as np

from chatapp.retrieval.citations import Claim
from chatapp.retrieval.embedding import embed_texts
from chatapp.retrieval.evidence import (
    Vectors,
    numbers_in,
    offer_of,
    sentences_of,
    share,
    states_something,
    stems_in,
    vectors_of,
)
from chatapp.retrieval.metrics import CITED_SENTENCES
from chatapp.retrieval.search import Passage
from chatapp.retrieval.sentences import words_in

# Calibrated on tests/test_support.py; milder than for a citation that is added, as the model has read the passage.
ALIKE = 0.45
ALIKE_WITH_NUMBER = 0.30
SHARED_WORDS = 0.65
SHARED_WORDS_WITH_NUMBER = 0.40
# So alike are two sentences, or so many words they share, that say the same or the opposite: then "not" decides.
SAME_MATTER = 0.60
SAME_WORDS = 0.75
MIN_WORDS = 3

_NAME = re.compile(r"(?<=[^.!?:\u2026\s] )\(?[A-Z][\w-]*")
_DENIAL = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|cannot|without|except|unless|excluded|forbidden|prohibited"
    r"|\w{1,8}n['\u2019]t)\b",
    re.IGNORECASE,
)


def find_weak(claims: Sequence[Claim], passages: Sequence[Passage], *, question: str = "") -> list[Claim]:
    """The citations whose sentence is not borne out. What the question itself said needs no source.

    Raises EmbeddingError.
    """
    stating = sorted({claim.sentence for claim in claims if states_something(claim.sentence, min_words=MIN_WORDS)})
    embedded = np.asarray(embed_texts(stating), dtype=np.float32)
    vectors: dict[str, Vectors] = dict(zip(stating, embedded, strict=True))
    return [claim for claim in claims if claim.sentence in vectors and not _holds(claim, vectors, passages, question)]


def count_support(claims: Sequence[Claim], weak: Sequence[Claim]) -> None:
    """Counts cited sentences: a sentence is weak when one of its citations is."""
    lacking = {claim.sentence for claim in weak}
    for sentence in {claim.sentence for claim in claims}:
        CITED_SENTENCES.labels(support="weak" if sentence in lacking else "supported").inc()


def _holds(claim: Claim, vectors: dict[str, Vectors], passages: Sequence[Passage], question: str) -> bool:
    sentence, vector, cited = claim.sentence, vectors[claim.sentence], [passages[n - 1] for n in claim.numbers]
    numbers = numbers_in(sentence) - numbers_in(question)
    if not numbers <= frozenset[str]().union(*(offer_of(passage).numbers for passage in cited)):
        return False
    known = {word for passage in cited for word in words_in(sentences_of(passage)[0])} | set(words_in(question))
    if not {word for name in _NAME.findall(sentence) for word in words_in(name)} <= known:
        return False
    return _is_alike(sentence, vector, passages[claim.number - 1], has_numbers=bool(numbers))


def _is_alike(sentence: str, vector: Vectors, passage: Passage, *, has_numbers: bool) -> bool:
    stems = stems_in(sentence)
    if not stems:
        return True
    alike = vectors_of(passage) @ vector
    nearest = int(alike[1:].argmax()) + 1 if len(alike) > 1 else 0
    stated = sentences_of(passage)[nearest]
    is_same = alike[nearest] >= SAME_MATTER or share(stems, stems_in(stated)) >= SAME_WORDS
    if is_same and _denies(sentence) != _denies(stated):
        return False
    if alike.max() >= (ALIKE_WITH_NUMBER if has_numbers else ALIKE):
        return True
    return share(stems, offer_of(passage).stems) >= (SHARED_WORDS_WITH_NUMBER if has_numbers else SHARED_WORDS)


def _denies(sentence: str) -> bool:
    return bool(_DENIAL.search(sentence))
