"""Names of people, addresses and numbers of documents, found by Rampart, a small model of the National Design Studio.

English, Spanish, French, German, Italian, Portuguese and Dutch; other scripts than Latin are not read.
https://huggingface.co/nationaldesignstudio/rampart
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

from chatapp.inference.artifacts import ArtifactError, find_artifact
from chatapp.inference.catalog import RAMPART_TOKENIZER, RAMPART_WEIGHTS
from chatapp.moderation.checks.examiner import ExaminerError, Hit

if TYPE_CHECKING:
    from chatapp.moderation.token_classifier import TokenClassifier, Word

# Of the model's outputs, in their order: what its file config.json says.
_KINDS: tuple[str, ...] = ("GIVEN_NAME", "SURNAME", "EMAIL", "PHONE", "URL", "TAX_ID", "BANK_ACCOUNT", "ROUTING_NUMBER")
_KINDS += ("GOVERNMENT_ID", "PASSPORT", "DRIVERS_LICENSE", "BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS")
_KINDS += ("CITY", "STATE", "ZIP_CODE")
LABELS = ("O", *(f"{mark}-{kind}" for kind in _KINDS for mark in "BI"))


@dataclass(frozen=True, slots=True)
class Named:
    """One entity of a policy: the model's kinds that make it, and the characters that may stand between its words."""

    kinds: tuple[str, ...]
    label: str
    mask: str
    between: str = " \u00a0.'\u2019-"
    is_capitalised: bool = True


NAMED = {
    "person": Named(("GIVEN_NAME", "SURNAME"), "PERSON", "[name removed]"),
    "location": Named(("CITY", "STATE"), "LOCATION", "[place removed]"),
    "address": Named(
        ("STREET_NAME", "BUILDING_NUMBER", "SECONDARY_ADDRESS", "ZIP_CODE"),
        "ADDRESS",
        "[address removed]",
        between=" \u00a0\n,./-",
        is_capitalised=False,
    ),
    "local_phone": Named(("PHONE",), "PHONE", "[phone number removed]", between=" \u00a0()+./-", is_capitalised=False),
}
# A hit has a word that is at least as likely as not a part of it; its neighbours need less.
LEAST_SCORE, LEAST_SCORE_BESIDE = 0.5, 0.2
_MOST_BETWEEN = 3
_SHORTEST_NUMBER = 4
_LONGEST_ABBREVIATION = _LONGEST_PARTICLE = 3


@dataclass(frozen=True, slots=True)
class NameExaminer:
    """Its hits are whole words. `entities` are those that NAMED knows."""

    entities: tuple[str, ...]
    longest: int = 2_000
    is_remote: bool = False

    def examine(self, texts: Sequence[str]) -> list[list[Hit]]:
        """Raises ExaminerError when the model's files are not here."""
        classifier = _loaded.get()
        return [list(self._find(text, classifier.label_words(text))) for text in texts]

    def _find(self, text: str, words: "Sequence[Word]") -> "Iterator[Hit]":
        for entity in self.entities:
            named = NAMED[entity]
            likely = [word for word in words if word.scores[entity] >= LEAST_SCORE_BESIDE]
            for group in _join(text, likely, named.between):
                name = _trim(text, group, is_capitalised=named.is_capitalised and not text.islower())
                scores = [score for word in name if (score := word.scores[entity]) >= LEAST_SCORE]
                if scores and _tells_something(text[name[0].start : name[-1].end]):
                    score = sum(scores) / len(scores)
                    yield Hit(name[0].start, name[-1].end, score=score, mask=named.mask, label=named.label)


def _join(text: str, words: "Sequence[Word]", between: str) -> "list[list[Word]]":
    """Words that stand side by side are one name."""
    groups: list[list[Word]] = []
    for word in words:
        if groups and _belongs_to(text, groups[-1][-1], word, between):
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups


def _belongs_to(text: str, before: "Word", word: "Word", between: str) -> bool:
    gap = text[before.end : word.start]
    ends_sentence = "." in gap and before.end - before.start > _LONGEST_ABBREVIATION
    return len(gap) <= _MOST_BETWEEN and not gap.strip(between) and not ends_sentence


def _tells_something(written: str) -> bool:
    """A number of a house or a room alone does not."""
    return any(character.isalpha() for character in written) or len(written) >= _SHORTEST_NUMBER


def _trim(text: str, words: "list[Word]", *, is_capitalised: bool) -> "list[Word]":
    """Without what is no part of a name at its ends: marks, and words in lower case; "von" may begin one."""

    def is_part(word: "Word", particle: int) -> bool:
        written = text[word.start : word.end]
        is_word = any(character.isalnum() for character in written)
        return is_word and (not is_capitalised or len(written) <= particle or not written.islower())

    first, last = 0, len(words)
    while first < last and not is_part(words[first], _LONGEST_PARTICLE):
        first += 1
    while first < last and not is_part(words[last - 1], 0):
        last -= 1
    return words[first:last]


class _Loaded:
    """One model a process, loaded when it is first asked; a file that was missing is looked for again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._classifier: TokenClassifier | None = None

    def get(self) -> "TokenClassifier":
        with self._lock:
            if self._classifier is None:
                self._classifier = self._load()
            return self._classifier

    def _load(self) -> "TokenClassifier":
        from chatapp.moderation.token_classifier import TokenClassifier

        try:
            weights, tokenizer = (
                find_artifact(file.sha256, directory=settings.MODELS_DIR, suffix=file.suffix)
                for file in (RAMPART_WEIGHTS, RAMPART_TOKENIZER)
            )
        except ArtifactError as error:
            raise ExaminerError(str(error)) from error
        groups = {entity: named.kinds for entity, named in NAMED.items()}
        return TokenClassifier(weights=weights, tokenizer=tokenizer, labels=LABELS, groups=groups)


_loaded = _Loaded()
