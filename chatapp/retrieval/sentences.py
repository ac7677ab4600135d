"""Finds the sentences of a Markdown answer by position, so that text can be added behind them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Bounded, so that a stream has to hold back but few characters of what may become one.
MARKER = re.compile(r"\[(\d{1,3}(?: ?, ?\d{1,3}){0,7})\](?![(\[:])|\[(\d{1,3})\](?=\[\d)")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_PREFIX = re.compile(r"\s*(?:>\s?)*(?:(?:[-*+\u2022]|\d{1,3}[.)])\s+)?")
_HEADING = re.compile(r"\s*#{1,6}\s")
_TABLE_RULE = re.compile(r"(?=[\s:|-]*?---)[\s:|-]+$")
_END = re.compile(
    r"[.!?\u2026][\"'\u201d\u2019)*_]*(?:\s*\[\d{1,3}\])*"  # markers behind a full stop belong to its sentence
    r"(?=\s+(?!\[\d{1,3}\])[\"'\u201c\u2018(*_\[]*[A-Z0-9])"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|approx|no|nos|dr|mr|mrs|ms|st|inc|ltd|co|fig|p|pp|ext|min|max|[A-Z])|^\s*\d{1,3})$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """`start` and `end` are offsets in the answer; `end` is where a marker goes."""

    text: str
    start: int
    end: int


def find_sentences(answer: str) -> list[Sentence]:
    return [sentence for start, line in prose_lines(answer) for sentence in line_sentences(start, line)]


def prose_lines(answer: str) -> Iterator[tuple[int, str]]:
    """Every line outside of fenced code, with its offset. A fence that never closes runs to the end."""
    fence, offset = "", 0
    for line in answer.split("\n"):
        was, fence = fence, next_fence(fence, line)
        if not was and not fence:
            yield offset, line.rstrip("\r")
        offset += len(line) + 1


def next_fence(fence: str, line: str) -> str:
    """The fence that is open behind the line, "" for none. `fence` is open before it."""
    mark = FENCE.match(line)
    if not fence:
        return mark[1] if mark else ""
    closes = mark is not None and mark[1].startswith(fence) and not line[mark.end() :].strip()
    return "" if closes else fence


def code_spans(line: str) -> list[tuple[int, int]]:
    return [match.span() for match in _CODE_SPAN.finditer(line)]


def line_sentences(offset: int, line: str) -> Iterator[Sentence]:
    body = line.rstrip()
    start = first_sentence(line)
    if start == len(line) or _TABLE_RULE.match(line):
        return
    if body.lstrip().startswith("|"):
        end = len(body.removesuffix("|").rstrip()) if body.endswith("|") else len(body)
        if text := body[:end].strip(" \t|"):
            yield Sentence(text, offset, offset + end)
        return
    spans = code_spans(body)
    for end in [*(match.end() for match in _END.finditer(body, start) if _ends(body, match, spans)), len(body)]:
        if body[start:end].strip():
            yield Sentence(body[start:end].strip(), offset + start, offset + end)
        start = end


def first_sentence(line: str) -> int:
    """Behind the mark of a list or a quotation; the end of a line that is a heading."""
    body = line.rstrip()
    if not body or _HEADING.match(line):
        return len(line)
    prefix = _PREFIX.match(body)
    return prefix.end() if prefix and not body.lstrip().startswith("|") else 0


def _ends(body: str, match: re.Match[str], spans: list[tuple[int, int]]) -> bool:
    if any(start <= match.start() < end for start, end in spans):
        return False
    return not (body[match.start()] == "." and _ABBREVIATION.search(body[: match.start()]))


def words_in(text: str) -> list[str]:
    """In lower case, without figures."""
    return [word.lower() for word in _WORD.findall(text)]
