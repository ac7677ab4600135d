"""Characters that nobody sees, which carry hidden text or part a word; a mask takes them out (Unicode TR36, TR39).

What writing needs stays: joiners in Persian or Hindi, the parts of an emoji, the flags of England, Scotland and Wales.
"""

import re
from collections.abc import Mapping
from typing import Any

from chatapp.invisible import ALWAYS, IN_CONTEXT
from chatapp.moderation.checks.check import Parts
from chatapp.moderation.checks.matcher import build_matcher

FIELDS: frozenset[str] = frozenset()
_EMOJI_STYLE, _JOINER, _KEYCAP, _BLACK_FLAG = "\ufe0f", "\u200d", "\u20e3", "\U0001f3f4"
_TAG = "[\U000e0030-\U000e0039\U000e0061-\U000e007a]"
_REGION = re.compile(f"{_TAG}{{3,6}}\U000e007f")
# A match that is refused is looked at again from its second character on.
_REST_OF_REGION = re.compile(f"{_TAG}{{0,5}}\U000e007f")
_NEVER_NEEDED = re.compile(f"[{ALWAYS}]")


def build(_spec: Mapping[str, Any]) -> Parts:
    return Parts((build_matcher(f"[{ALWAYS}{IN_CONTEXT}]+", _confirm, mask="", label="INVISIBLE"),))


def _confirm(text: str, start: int, end: int) -> tuple[int, int] | None:
    before = text[start - 1] if start else ""
    if re.match(_TAG, before) and _REST_OF_REGION.fullmatch(text, start, end):
        return None
    region = _REGION.match(text, start, end) if before == _BLACK_FLAG else None
    start = region.end() if region else start + _needed(before, text[start:end], text[end : end + 1])
    return (start, end) if start < end else None


def _needed(before: str, run: str, after: str) -> int:
    """How many characters at the start of the run have a use beside what stands round it."""
    if _NEVER_NEEDED.match(run):
        return 0
    if not before.isascii():
        return 2 if run.startswith(_EMOJI_STYLE + _JOINER) else 1
    is_keycap = run == _EMOJI_STYLE and after == _KEYCAP
    # At the edge of a word one mark of direction is a habit of Hebrew and Arabic keyboards, and parts no word.
    is_edge = len(run) == 1 and not before.isalnum()
    return 1 if is_keycap or is_edge else 0
