"""Patterns in RE2's syntax and literal words."""

from collections.abc import Mapping
from typing import Any

import re2

from chatapp.moderation.checks.check import Parts
from chatapp.moderation.checks.fields import FieldError, text_list
from chatapp.moderation.checks.matcher import Matcher, PatternError, build_matcher

FIELDS = frozenset({"patterns", "words"})
MAX_PATTERNS = 200
MAX_PATTERN_CHARACTERS = 500
MAX_WORDS = 1000
MAX_WORD_CHARACTERS = 100


def build(spec: Mapping[str, Any]) -> Parts:
    patterns = text_list(spec, "patterns", most=MAX_PATTERNS, longest=MAX_PATTERN_CHARACTERS)
    words = text_list(spec, "words", most=MAX_WORDS, longest=MAX_WORD_CHARACTERS)
    if not patterns and not words:
        raise FieldError("patterns", "needs at least one entry here or in words.")
    matchers = []
    for number, source in enumerate(patterns):
        try:
            matchers.append(build_matcher(source))
        except PatternError as error:
            raise FieldError(f"patterns[{number}]", str(error)) from None
    if words:
        matchers.append(_word_matcher(words))
    return Parts(tuple(matchers))


def _word_matcher(words: list[str]) -> Matcher:
    r"""Whole words, upper and lower case alike. RE2's `\b` knows ASCII only, so the neighbours are looked at here."""

    def confirm(text: str, start: int, end: int) -> tuple[int, int] | None:
        if start > 0 and _continues_word(text[start - 1], text[start]):
            return None
        while end < len(text) and _continues_word(text[end - 1], text[end]):
            shorter = matcher.pattern.match(text, start, end - 1)
            if shorter is None:
                return None
            end = shorter.end()
        return start, end

    matcher = build_matcher("(?i:" + "|".join(re2.escape(word) for word in words) + ")", confirm)
    return matcher


def _continues_word(left: str, right: str) -> bool:
    return left.isalnum() and right.isalnum()
