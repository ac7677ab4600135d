"""Cells that span several columns or rows: each place that they cover says what they say."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.retrieval.parsing import ParsingError, Reason
from chatapp.retrieval.parsing.limits import TABLE_COLUMNS


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    columns: int = 1
    rows: int = 1


def spread(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """A span ends with the table. Raises ParsingError(TOO_LARGE)."""
    held: dict[int, tuple[str, int]] = {}  # column: text of a cell above, and for how many rows more
    return [_spread_row(row, held) for row in rows]


def _spread_row(cells: Sequence[Cell], held: dict[int, tuple[str, int]]) -> list[str]:
    texts: list[str] = []
    pending = list(cells[::-1])
    while pending or len(texts) in held:
        column = len(texts)
        if column > TABLE_COLUMNS:
            raise ParsingError(Reason.TOO_LARGE)
        if column in held:
            text, left = held.pop(column)
            texts.append(text)
            if left > 1:
                held[column] = (text, left - 1)
            continue
        cell = pending.pop()
        for place in range(column, column + max(1, min(cell.columns, TABLE_COLUMNS))):
            texts.append(cell.text)
            if cell.rows > 1:
                held[place] = (cell.text, cell.rows - 1)
    return texts
