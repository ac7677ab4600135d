"""Tables of every format become Markdown pipe tables."""

from collections.abc import Sequence
from itertools import zip_longest

from chatapp.retrieval.parsing import Block, BlockKind, ParsingError, Reason
from chatapp.retrieval.parsing.limits import TABLE_COLUMNS


def pipe_table(rows: Sequence[Sequence[str]]) -> str:
    """The first row is the header; short rows are filled."""
    width = max((len(row) for row in rows), default=0)
    lines = [_line([*row, *[""] * (width - len(row))]) for row in rows]
    return "\n".join([*lines[:1], _line(["---"] * width), *lines[1:]])


def table_blocks(rows: Sequence[Sequence[str]], *, page: int | None = None) -> list[Block]:
    """Without empty rows and columns. One column is no table but lines, and so is a single row."""
    rows = _without_empty_columns([row for row in rows if any(cell.strip() for cell in row)])
    width = max(map(len, rows), default=0)
    if width == 0:
        return []
    if width > TABLE_COLUMNS:
        raise ParsingError(Reason.TOO_LARGE)
    if width == 1 or len(rows) == 1:
        text = "\n".join(" | ".join(cell.strip() for cell in row if cell.strip()) for row in rows)
        return [Block(BlockKind.TEXT, text, page=page)]
    return [Block(BlockKind.TABLE, pipe_table(rows), page=page)]


def _without_empty_columns(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    used = [any(cell.strip() for cell in column) for column in zip_longest(*rows, fillvalue="")]
    if all(used):
        return rows
    return [[cell for cell, is_used in zip(row, used, strict=False) if is_used] for row in rows]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
