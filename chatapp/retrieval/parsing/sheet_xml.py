"""What a sheet's XML says that openpyxl does not tell while it streams: merged cells, formulas without a value."""

import re
from dataclasses import dataclass, field
from typing import Any

from lxml import etree
from openpyxl.utils.cell import range_boundaries

from chatapp.retrieval.parsing import ParsingError, Reason
from chatapp.retrieval.parsing.limits import TABLE_COLUMNS

_NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_MAX_RANGES = 10_000
_MARKERS = re.compile(rb"[<:](?:f[\s>/]|mergeCell)")


@dataclass(slots=True)
class SheetFacts:
    unsaved_formulas: int = 0
    # First column (from 0), columns, last row; by first row.
    merged: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)
    _open: list[tuple[int, int, int, str]] = field(default_factory=list)

    def fill(self, number: int, row: list[str]) -> list[str]:
        """The row with each merged cell's text in all the places that it covers; rows come in order, from 1."""
        self._open = [held for held in self._open if held[2] >= number]
        for first, columns, last in self.merged.get(number, ()):
            text = row[first] if first < len(row) else ""
            if text:
                self._open.append((first, columns, last, text))
        for first, columns, _, text in self._open:
            row.extend([""] * (first + columns - len(row)))
            row[first : first + columns] = [text] * columns
        return row


def read_facts(sheet: Any) -> SheetFacts:
    """Of a sheet of a workbook that was opened to be streamed. Raises ParsingError: DAMAGED, TOO_LARGE."""
    facts = SheetFacts()
    if not _has_formulas_or_ranges(sheet):
        return facts
    with sheet._get_source() as source:  # noqa: SLF001 (the sheet's part; there is no public name)
        tags = (_NAMESPACE + "c", _NAMESPACE + "mergeCell")
        try:
            for _, element in etree.iterparse(source, tag=tags, resolve_entities=False, no_network=True):
                _read_element(element, facts)
                element.clear(keep_tail=False)
                while element.getprevious() is not None:
                    del element.getparent()[0]
        except etree.XMLSyntaxError:
            raise ParsingError(Reason.DAMAGED) from None
    return facts


def _has_formulas_or_ranges(sheet: Any) -> bool:
    """Most sheets have neither, and reading each cell twice takes long. A namespace prefix hides none."""
    before = b""
    with sheet._get_source() as source:  # noqa: SLF001 (as below)
        while data := source.read(1_000_000):
            if _MARKERS.search(before + data):
                return True
            before = data[-20:]
    return False


def _read_element(element: Any, facts: SheetFacts) -> None:
    if element.tag.endswith("}c"):
        has_formula = element.find(_NAMESPACE + "f") is not None
        value = element.find(_NAMESPACE + "v")
        facts.unsaved_formulas += has_formula and (value is None or not value.text)
        return
    left, top, right, bottom = range_boundaries(element.get("ref", ""))
    if sum(map(len, facts.merged.values())) >= _MAX_RANGES or right - left > TABLE_COLUMNS:
        raise ParsingError(Reason.TOO_LARGE)
    facts.merged.setdefault(top, []).append((left - 1, right - left + 1, bottom))
