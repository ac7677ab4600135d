"""Comma-separated values and their relatives: the first line is the header."""

import csv
import io
from collections import Counter
from pathlib import Path

from chatapp.retrieval.parsing import Block, Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.cleaning import clean, decode
from chatapp.retrieval.parsing.limits import MAX_CHARACTERS
from chatapp.retrieval.parsing.tables import table_blocks

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 50
_SAMPLE_CHARACTERS = 20_000


def parse(path: Path) -> Parsed:
    text = clean(decode(path.read_bytes()))
    first, _, rest = text.partition("\n")
    if first.lower().startswith("sep=") and len(first) <= 5:  # what Excel writes and reads; a tab was trimmed
        return Parsed(blocks=_blocks(rest, first[4:] or "\t"))
    return Parsed(blocks=_blocks(text, sniff_delimiter(text)))


def sniff_delimiter(text: str) -> str:
    """The one that cuts the most lines into the same number of columns, more than one.

    `csv.Sniffer` guesses quotes by expressions whose time grows with the square of the text.
    """
    sample = text[:_SAMPLE_CHARACTERS].split("\n")[:_SAMPLE_LINES]
    return max(_DELIMITERS, key=lambda delimiter: _agreement(sample, delimiter))


def _agreement(lines: list[str], delimiter: str) -> tuple[int, int]:
    try:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if len(row) > 1)
    except csv.Error:
        return (0, 0)
    width, count = widths.most_common(1)[0] if widths else (0, 0)
    return (count, width)


def _blocks(text: str, delimiter: str) -> list[Block]:
    csv.field_size_limit(MAX_CHARACTERS)
    try:
        rows = [list(map(str.strip, row)) for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    except csv.Error:
        raise ParsingError(Reason.DAMAGED) from None
    return table_blocks(rows)
