"""Where an answer has a number, or may be given one: found line by line, and told from what is not decided yet."""

import re
from dataclasses import dataclass

from chatapp.retrieval.sentences import MARKER, code_spans, first_sentence, line_sentences

_MARKER_CHARACTERS = 64  # The longest list of numbers that MARKER reads is shorter.
# An own marker that may still grow, or whose next character says whether it is one: `[1](` is a link.
_GROWING = re.compile(r"(?:\[\d{1,3}\])?\[(?:\d{1,3}(?: ?, ?\d{1,3}){0,7}(?: ?, ?| )?\]?)?$")
_OPENERS = "\"'\u201c\u2018(*_["


@dataclass(frozen=True, slots=True)
class Mark:
    """A marker of the model, with its `numbers`, or the end of a sentence, where a marker goes.

    Offsets in the line; `sentence` is where the sentence begins that it belongs to.
    """

    start: int
    end: int
    sentence: int
    numbers: tuple[int, ...] = ()


def find_marks(line: str, *, is_whole: bool = True) -> list[Mark]:
    """In the order of the text. The end of a line that still grows is none."""
    ends = [(found.start, found.end) for found in line_sentences(0, line)]
    if not is_whole:
        ends = [(start, end) for start, end in ends if end < len(line.rstrip())]
    marks = [Mark(end, end, start) for start, end in ends]
    spans = code_spans(line)
    for match in MARKER.finditer(line):
        if not any(start <= match.start() < end for start, end in spans):
            numbers = tuple(int(number) for number in (match[1] or match[2]).split(","))
            before = [end for _, end in ends if end <= match.start()]
            begins = before[-1] if before else min(first_sentence(line), match.start())
            marks.append(Mark(match.start(), match.end(), begins, numbers))
    return sorted(marks, key=lambda mark: (mark.end, not mark.numbers))


def decided(line: str, marks: list[Mark]) -> int:
    """Up to where no text that follows on this line changes a mark, or lets one be set; sentence ends there are open.

    `line` does not end with a backtick.

    What is behind it waits: part of a marker, the blanks before it or behind a sentence, a `|` that may end a row.
    """
    end = len(line)
    if growing := _GROWING.search(line[-_MARKER_CHARACTERS:]):
        end -= len(growing[0])
    head = line[:end].rstrip(_OPENERS)
    if head[-1:].isspace():
        end = len(head)
    end = len(line[:end].rstrip())
    if line.lstrip().startswith("|"):
        end = len(line[:end].removesuffix("|").rstrip())
    code = _open_code(line)
    held = (len(line[: mark.start].rstrip(" ")) for mark in marks if mark.end > code)
    return min([end, *held])


def _open_code(line: str) -> int:
    """Where a code span may begin that has no end yet."""
    at = line.find("`")
    for start, end in code_spans(line):
        if at == start:
            at = line.find("`", end)
    return at if at != -1 else len(line)
