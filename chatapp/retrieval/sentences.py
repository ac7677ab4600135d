"""Finds the sentences of a Markdown answer by position, so that text can be added behind them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MARKER = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\](?![(\[:])|\[(\d{1,3})\](?=\[\d)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
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
_CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """`start` and `end` are offsets in the answer; `end` is where a marker goes."""

    text: str
    start: int
    end: int


def find_sentences(answer: str) -> list[Sentence]:
    return [sentence for start, line in prose_lines(answer) for sentence in _sentences(start, line)]


def prose_lines(answer: str) -> Iterator[tuple[int, str]]:
    """Every line outside of fenced code, with its offset. A fence that never closes runs to the end."""
    fence, offset = "", 0
    for line in answer.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line[mark.end() :].strip():
                fence = ""
        elif mark:
            fence = mark[1]
        else:
            yield offset, line.rstrip("\r\n")
        offset += len(line)


def code_spans(line: str) -> list[tuple[int, int]]:
    return [match.span() for match in _CODE_SPAN.finditer(line)]


def _sentences(offset: int, line: str) -> Iterator[Sentence]:
    body = line.rstrip()
    if not body or _HEADING.match(line) or _TABLE_RULE.match(line):
        return
    if body.lstrip().startswith("|"):
        end = len(body.removesuffix("|").rstrip()) if body.endswith("|") else len(body)
        if text := body[:end].strip(" \t|"):
            yield Sentence(text, offset, offset + end)
        return
    prefix = _PREFIX.match(body)
    start = prefix.end() if prefix else 0
    spans = code_spans(body)
    for end in [*(match.end() for match in _END.finditer(body, start) if _ends(body, match, spans)), len(body)]:
        if body[start:end].strip():
            yield Sentence(body[start:end].strip(), offset + start, offset + end)
        start = end


def _ends(body: str, match: re.Match[str], spans: list[tuple[int, int]]) -> bool:
    if any(start <= match.start() < end for start, end in spans):
        return False
    return not (body[match.start()] == "." and _ABBREVIATION.search(body[: match.start()]))
