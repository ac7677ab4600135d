"""Excel workbooks: each sheet under its name, with the values that were saved, never formulas."""

import datetime as dt
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.workbook import Workbook

from chatapp.retrieval.parsing import Block, BlockKind, Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.archives import check_office
from chatapp.retrieval.parsing.budget import current_budget
from chatapp.retrieval.parsing.cleaning import clean
from chatapp.retrieval.parsing.sheet_xml import SheetFacts, read_facts
from chatapp.retrieval.parsing.tables import table_blocks

_DAMAGED = (KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError, zipfile.BadZipFile, OSError)
_NO_VALUES = (
    "Formulas without a saved value were left out: {count:,}. Open the file in a spreadsheet program, save it and "
    "upload it again."
)


def parse(path: Path) -> Parsed:
    check_office(path, part="xl/workbook.xml")
    with path.open("rb") as file:  # openpyxl judges a path by its suffix
        try:
            return _read(openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False))
        except _DAMAGED:  # lxml's syntax errors are SyntaxErrors
            raise ParsingError(Reason.DAMAGED) from None


def _read(workbook: Workbook) -> Parsed:
    blocks: list[Block] = []
    unsaved, hidden = 0, []
    for sheet in workbook.worksheets:
        if sheet.sheet_state != "visible":
            hidden.append(" ".join(clean(sheet.title).split()))
            continue
        facts = read_facts(sheet)
        unsaved += facts.unsaved_formulas
        found = [block for rows in _tables(sheet, facts) for block in table_blocks(rows)]
        if found:
            blocks += [Block(BlockKind.HEADING, " ".join(clean(sheet.title).split()), level=0), *found]
    notes = [_NO_VALUES.format(count=unsaved)] if unsaved else []
    if hidden:
        notes.append(f"Hidden sheets were left out: {', '.join(hidden)}.")
    return Parsed(blocks=blocks, title=clean(workbook.properties.title or ""), notes=notes)


def _tables(sheet: Any, facts: SheetFacts) -> Iterator[list[list[str]]]:
    """An empty row ends a table. Characters are counted on the way: a sheet may be far larger than it looks."""
    sheet.reset_dimensions()  # what a file says of its size need not be true
    rows: list[list[str]] = []
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        row = facts.fill(number, [_shown(cell) for cell in cells])
        while row and not row[-1]:
            row.pop()
        if row:
            if sum(map(len, row)) > current_budget().characters:
                raise ParsingError(Reason.TOO_LARGE)
            rows.append(row)
        elif rows:
            yield rows
            rows = []
    if rows:
        yield rows


_clean = lru_cache(maxsize=10_000)(clean)  # the same words stand in many cells


def _shown(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float, Decimal)):
        is_share = "%" in (cell.number_format or "")
        return f"{value * 100:.10g}%" if is_share else f"{value:.15g}"
    if isinstance(value, dt.datetime):
        has_time = value.time() != dt.time()
        return value.isoformat(sep=" ", timespec="minutes") if has_time else value.date().isoformat()
    return _clean(str(value))
