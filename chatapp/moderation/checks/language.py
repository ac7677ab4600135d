"""Texts in other languages than the policy allows."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chatapp.inference.language import LANGUAGES, detect_languages
from chatapp.moderation.checks.check import Parts
from chatapp.moderation.checks.examiner import Hit
from chatapp.moderation.checks.fields import FieldError, text_list

FIELDS = frozenset({"allowed"})
MAX_LANGUAGES = 50
# With fewer letters, a name or a product decides what the detector says. Ideographs say more each.
MIN_LETTERS, MIN_WIDE_LETTERS = 50, 12
LONGEST = 2000
THRESHOLD = 0.5
_ADDRESS = re.compile(r"https?://\S+")  # It is in no language, and often taken for Danish.
MASK = "[text in another language removed]"


@dataclass(frozen=True, slots=True)
class LanguageExaminer:
    """The score is the share of a text that is in none of the `allowed` languages."""

    allowed: frozenset[str]
    longest: int = LONGEST
    is_remote: bool = False

    def examine(self, texts: Sequence[str]) -> list[list[Hit]]:
        return [self._hits(text) for text in texts]

    def _hits(self, text: str) -> list[Hit]:
        prose = _ADDRESS.sub(" ", text)
        if not _is_enough(prose):
            return []
        other = {code: share for code, share in detect_languages(prose).items() if code not in self.allowed}
        return [Hit(0, len(text), min(1.0, sum(other.values())), MASK, next(iter(other)))] if other else []


def build(spec: Mapping[str, Any]) -> Parts:
    allowed = text_list(spec, "allowed", most=MAX_LANGUAGES, longest=3)
    if not allowed:
        raise FieldError("allowed", "needs at least one language, such as en.")
    unknown = [code for code in allowed if code not in LANGUAGES]
    if unknown:
        raise FieldError("allowed", f"knows no language {unknown[0]!r}; codes are those of ISO 639-1.")
    return Parts(examiner=LanguageExaminer(frozenset(allowed)), threshold=THRESHOLD)


def _is_enough(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    wide = sum(character >= "\u3040" for character in letters)
    return wide >= MIN_WIDE_LETTERS or len(letters) >= MIN_LETTERS
