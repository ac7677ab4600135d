"""One thing that a check looks for: an RE2 pattern, and a rule that confirms what it found."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import re2

from chatapp.moderation.checks.prefixes import UnsupportedSyntaxError, rewrite

# The longest match in characters. Text that could still become a match is held back no longer than this.
MAX_SPAN = 256
MASK = "[removed]"
COMPILED_BYTES = 32 * 1024 * 1024

Confirm = Callable[[str, int, int], tuple[int, int] | None]


class PatternError(ValueError):
    """The pattern cannot be used; the message is a sentence for its author."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """`confirm(text, start, end)` narrows a match to the span that counts, or refuses it with None.

    It may look at the characters next to the match, and at nothing further away: they are all that is certain
    to be there when text is streamed. `beginnings` matches every text that a match can begin with.
    """

    source: str
    pattern: Any
    beginnings: str
    confirm: Confirm
    mask: str = MASK
    label: str = ""  # What it finds, such as CARD; placeholders are named by it.


def whole_match(_text: str, start: int, end: int) -> tuple[int, int]:
    return start, end


def compile_pattern(source: str) -> Any:
    """RE2 runs in time linear in the text; of several matches at one place the longest counts. Raises PatternError."""
    options = re2.Options()
    options.log_errors = False
    options.longest_match = True
    options.never_capture = True
    options.max_mem = COMPILED_BYTES
    try:
        return re2.compile(source, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if error.args else "not understood"
        raise PatternError(f"is not a pattern that RE2 can run: {reason}.") from None


def build_matcher(source: str, confirm: Confirm = whole_match, mask: str = MASK, label: str = "") -> Matcher:
    pattern = compile_pattern(source)
    try:
        node = rewrite(source)
    except UnsupportedSyntaxError as error:
        raise PatternError(str(error)) from None
    if node.shortest == 0:
        raise PatternError("matches the empty text, so it would match everywhere.")
    if node.shortest > MAX_SPAN:
        raise PatternError(f"can never match: a match has at most {MAX_SPAN} characters.")
    compile_pattern(node.prefix)
    return Matcher(source=source, pattern=pattern, beginnings=node.prefix, confirm=confirm, mask=mask, label=label)
