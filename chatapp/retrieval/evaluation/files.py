"""Golden questions as CSV: `question`, `document`, `quote`, `fact`; with several sources or facts, several lines."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatapp.errors import ChatappError
from chatapp.retrieval.models import GoldenQuestion
from chatapp.spreadsheets import neutralize, restore

if TYPE_CHECKING:
    from _csv import Reader

MAX_FILE_BYTES = 1_000_000
MAX_LINES = 5_000
COLUMNS = ("question", "document", "quote", "fact")


@dataclass(frozen=True, slots=True)
class Row:
    """`line` is where it ends in the file, from 1. Without a document: the collection does not answer the question.

    `fact` is None where the file has no such column: then the facts of known questions stay.
    """

    line: int
    question: str
    document: str
    quote: str
    fact: str | None = None


@dataclass(frozen=True, slots=True)
class LineError:
    """`line` is 0 for the file as a whole."""

    line: int
    message: str


def read_questions(data: bytes) -> list[Row]:
    """Separated by commas or, as some spreadsheets do, by semicolons. Raises ChatappError("invalid")."""
    if len(data) > MAX_FILE_BYTES:
        raise ChatappError("file_too_large", limit=f"{MAX_FILE_BYTES // 1_000_000} MB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ChatappError("invalid", detail="the file is not UTF-8 text. Save it as CSV in UTF-8.") from None
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ",")
    try:
        rows = list(_rows(reader))
    except csv.Error:
        raise ChatappError("invalid", detail=f"line {reader.line_num} of the file is no CSV.") from None
    if not rows:
        raise ChatappError("invalid", detail="the file has no question.")
    return rows


def write_questions(questions: Iterable[GoldenQuestion]) -> Iterator[list[object]]:
    """The lines of an export, which can be imported again."""
    yield list(COLUMNS)
    for question in questions:
        sources = question.sources or [{"document": "", "quote": ""}]
        # A fact stands beside a document; where there are more facts than sources, the last one is said again.
        for number in range(max(len(sources), len(question.facts))):
            source = sources[min(number, len(sources) - 1)]
            fact = question.facts[number] if number < len(question.facts) else ""
            yield [neutralize(cell) for cell in (question.text, source["document"], source["quote"], fact)]


def _rows(reader: "Reader") -> Iterator[Row]:
    head = [cell.strip().lower() for cell in next(reader, [])]
    if COLUMNS[0] not in head:
        raise ChatappError("invalid", detail=f"the first line must name the columns: {', '.join(COLUMNS)}.")
    for number, cells in enumerate(reader, 1):
        if number > MAX_LINES:
            raise ChatappError("invalid", detail=f"the file has more than {MAX_LINES:,} lines.")
        named = dict(zip(head, map(restore, cells), strict=False))
        if any(cell.strip() for cell in cells):
            question, document, quote, fact = (named.get(column, "").strip() for column in COLUMNS)
            yield Row(reader.line_num, question, document, quote, fact if COLUMNS[-1] in head else None)
