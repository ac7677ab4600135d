"""Which sentences of an answer rest on which passage: the model's own markers, and attribution where it set none."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from chatapp.retrieval.embedding import embed_texts
from chatapp.retrieval.search import Passage
from chatapp.retrieval.sentences import MARKER, Sentence, code_spans, find_sentences, prose_lines

# Calibrated on sentences of the demo handbook and on general talk (docs/retrieval.md has the figures).
ALIKE = 0.60
ALIKE_WITH_NUMBER = 0.40
SHARED_WORDS = 0.60
SHARED_WORDS_WITH_NUMBER = 0.50
SHARED_WORDS_WITH_ONLY_NUMBER = 0.20  # where no other passage has the sentence's figures, such as a cell of a table
_MIN_WORDS = 4
_MIN_STEM = 4

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
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


@dataclass(frozen=True, slots=True)
class CitedAnswer:
    text: str
    cited: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a passage offers a sentence: its numbers, its words, and the vectors of it and of its sentences."""

    numbers: frozenset[str]
    stems: frozenset[str]
    vectors: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"


def cite_sentences(answer: str, passages: Sequence[Passage], *, question: str = "") -> CitedAnswer:
    """Number the sentences that rest on a passage (passages count from 1). Figures of the question need no source.

    Valid markers of the model stay, others go; one on a passage that lacks the sentence's figures moves to a passage
    that has them. Nothing is added inside code or to headings.
    Raises EmbeddingError when a sentence without marker needs the embedding model and it is not available.
    """
    text = _keep_valid_markers(answer, len(passages))
    asked = _numbers(question)
    figures = [_numbers(_whole(passage)) | asked for passage in passages]
    stated = [found for found in find_sentences(text) if _states_something(found.text)]
    doubtful = [found for found in stated if not MARKER.search(found.text) or _is_misplaced(found, figures)]
    if doubtful and passages:
        evidence = [_evidence(passage) for passage in passages]
        vectors = np.asarray(embed_texts([found.text for found in doubtful]), dtype=np.float32)
        for found, vector in reversed(list(zip(doubtful, vectors, strict=True))):
            number = _source_of(found, vector, evidence, asked)
            if number:
                text = text[: found.start] + _marked(text[found.start : found.end], number) + text[found.end :]
    return CitedAnswer(text, frozenset(_cited(text)))


def _marked(sentence: str, number: int) -> str:
    """The marker stands where the model set its own, else at the end."""
    moved, count = MARKER.subn(f"[{number}]", sentence, count=1)
    return moved if count else f"{sentence} [{number}]"


def _is_misplaced(found: Sentence, figures: Sequence[frozenset[str]]) -> bool:
    """The model's marker names a passage that lacks the sentence's figures, and another passage has them."""
    numbers = _numbers(found.text)
    marked = {number for _, _, several in _markers(found.text) for number in several}
    lacking = not any(numbers <= figures[number - 1] for number in marked)
    return bool(numbers) and lacking and any(numbers <= offered for offered in figures)


def _keep_valid_markers(answer: str, count: int) -> str:
    """`[1, 3]` becomes `[1][3]`; numbers without a passage go, with the space before them."""
    pieces, done = [], 0
    for start, end, numbers in _markers(answer):
        valid = [number for number in numbers if 1 <= number <= count]
        before = answer[done:start]
        pieces += [before if valid else before.rstrip(" "), *(f"[{number}]" for number in valid)]
        done = end
    return "".join([*pieces, answer[done:]])


def _markers(text: str) -> Iterator[tuple[int, int, list[int]]]:
    for offset, line in prose_lines(text):
        spans = code_spans(line)
        for match in MARKER.finditer(line):
            if not any(start <= match.start() < end for start, end in spans):
                numbers = (match[1] or match[2]).split(",")
                yield offset + match.start(), offset + match.end(), [int(number) for number in numbers]


def _cited(text: str) -> Iterator[int]:
    for _, _, numbers in _markers(text):
        yield from numbers


def _states_something(sentence: str) -> bool:
    if sentence.rstrip("*_ ").endswith(("?", ":")) or _DECLINES.search(sentence):
        return False
    return len(_WORD.findall(sentence)) >= _MIN_WORDS or bool(_NUMBER.search(sentence))


def _source_of(
    found: Sentence,
    vector: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]",
    evidence: Sequence[_Evidence],
    asked: frozenset[str],
) -> int | None:
    numbers, stems = _numbers(found.text) - asked, _stems(MARKER.sub("", found.text))
    least_shared = SHARED_WORDS_WITH_NUMBER if numbers else SHARED_WORDS
    if numbers and sum(numbers <= offered.numbers for offered in evidence) == 1:
        least_shared = SHARED_WORDS_WITH_ONLY_NUMBER
    least_alike = ALIKE_WITH_NUMBER if numbers else ALIKE
    if not stems:
        least_alike = 0.0  # A bare figure is like nothing; that it stands in the passage must do.
    best: tuple[float, int] | None = None
    for position, offered in enumerate(evidence, start=1):
        if not numbers <= offered.numbers:  # a figure that the passage does not have was not taken from it
            continue
        shared = len(stems & offered.stems) / len(stems) if stems else 1.0
        alike = float((offered.vectors @ vector).max())
        if shared >= least_shared and alike >= least_alike:
            best = max(best or (0.0, 0), (alike + shared, position))
    return best[1] if best else None


def _whole(passage: Passage) -> str:
    return f"{passage.heading}\n{passage.text}"


@lru_cache(maxsize=256)
def _evidence(passage: Passage) -> _Evidence:
    sentences = [found.text for found in find_sentences(passage.text)]
    whole = _whole(passage)
    return _Evidence(_numbers(whole), _stems(whole), np.asarray(embed_texts([whole, *sentences]), dtype=np.float32))


def _numbers(text: str) -> frozenset[str]:
    digits = {number.replace(",", "") for number in _NUMBER.findall(MARKER.sub("", text))}
    return frozenset(digits | {_NUMBER_WORDS[word] for word in _words(text) if word in _NUMBER_WORDS})


def _stems(text: str) -> frozenset[str]:
    """Crude on purpose: the first letters of words that carry meaning."""
    return frozenset(
        word[: _MIN_STEM + 1] for word in _words(text) if word not in _COMMON and word not in _NUMBER_WORDS
    )


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
