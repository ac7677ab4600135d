"""PDF by pdfium: text of each page in reading order; lines set clearly larger than the body are headings."""

import re
from collections import Counter
from itertools import groupby
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

from chatapp.retrieval.parsing import Block, BlockKind, Box, Parsed, ParsingError, Reason, ocr
from chatapp.retrieval.parsing.budget import current_budget
from chatapp.retrieval.parsing.cleaning import clean
from chatapp.retrieval.parsing.hidden import LeftOut
from chatapp.retrieval.parsing.pdf_lines import Line, read_lines
from chatapp.retrieval.parsing.pdf_scans import Scans

_HEADING_SCALE = 1.15
_HEADING_MAX_CHARACTERS = 120
_BULLET = re.compile(r"^\s*(?:[-*\u2022\u25cf\u2013]|\d{1,2}[.)])\s+")
_DIGITS = re.compile(r"\d+")
# A line that ends well before the widest one ends its paragraph.
_SHORT_LINE = 0.7


def parse(path: Path) -> Parsed:
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        protected = getattr(error, "err_code", None) in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}
        raise ParsingError(Reason.ENCRYPTED if protected else Reason.DAMAGED) from None
    with document:
        current_budget().spend_pages(len(document))
        if not _ends_properly(path):
            raise ParsingError(Reason.DAMAGED)
        left_out = LeftOut()
        pages = _read_pages(document, left_out)
        scans = Scans(document)
        blocks = _blocks(pages, scans)
        title = clean(document.get_metadata_value("Title"))
    if not blocks and not ocr.is_on():
        raise ParsingError(Reason.OCR_OFF)
    return Parsed(blocks=blocks, title=title, pages=len(pages), notes=[*left_out.notes(), *scans.notes()])


def _read_pages(document: pypdfium2.PdfDocument, left_out: LeftOut) -> list[list[Line]]:
    pages, length = [], 0
    for index in range(len(document)):
        lines = _read_page(document, index, left_out)
        pages.append(lines)
        length += sum(len(line.text) for line in lines)
        if length > current_budget().characters:
            raise ParsingError(Reason.TOO_LARGE)
    return pages


def _blocks(pages: list[list[Line]], scans: Scans) -> list[Block]:
    body = _body_size(pages)
    blocks: list[Block] = []
    for number, lines in enumerate(_without_running_lines(pages, body), start=1):
        if lines:
            blocks += _page_blocks(lines, number, body)
        else:  # a scan may have a printed number or header
            blocks += scans.read(number, is_blank=not pages[number - 1])
    return blocks


def _ends_properly(path: Path) -> bool:
    """Pdfium repairs a truncated file by dropping pages, which would answer from half a document."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2048))
        return b"%%EOF" in file.read()


def _read_page(document: pypdfium2.PdfDocument, index: int, left_out: LeftOut) -> list[Line]:
    try:
        page = document[index]
    except pypdfium2.PdfiumError:
        raise ParsingError(Reason.DAMAGED) from None
    try:
        return read_lines(page, index + 1, left_out)
    finally:
        page.close()


def _body_size(pages: list[list[Line]]) -> float:
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _page_blocks(lines: list[Line], page: int, body: float) -> list[Block]:
    def heading_size(line: Line) -> float:
        return line.size if _is_large(line, body) and len(line.text) <= _HEADING_MAX_CHARACTERS else 0.0

    blocks = []
    for size, group in groupby(lines, key=heading_size):
        if size:
            text, boxes = _flow(list(group), " ")
            blocks.append(Block(BlockKind.HEADING, text, level=_level(size / body), page=page, boxes=boxes))
        else:
            for text, boxes in _paragraphs(list(group)):
                blocks.append(Block(BlockKind.TEXT, text, page=page, boxes=boxes))
    return blocks


def _is_large(line: Line, body: float) -> bool:
    return body > 0 and line.size >= body * _HEADING_SCALE


def _level(scale: float) -> int:
    return 1 if scale >= 1.6 else 2 if scale >= 1.3 else 3


def _paragraphs(lines: list[Line]) -> list[tuple[str, list[Box]]]:
    """Full lines flow together; rows of a table, which are short lines after short lines, stay lines."""
    widest = max(len(line.text) for line in lines)
    paragraphs: list[tuple[list[Line], str]] = []
    held = ""
    for line in lines:
        is_short = len(line.text) < _SHORT_LINE * widest
        group, separator = paragraphs[-1] if paragraphs else ([], "")
        if not held or _BULLET.match(line.text):
            paragraphs.append(([line], " "))
        elif len(held) >= _SHORT_LINE * widest:
            group.append(line)
        elif is_short and (len(group) == 1 or separator == "\n") and not held.endswith((".", "!", "?")):
            paragraphs[-1] = ([*group, line], "\n")
        else:
            paragraphs.append(([line], " "))
        held = line.text
    return [_flow(group, separator) for group, separator in paragraphs]


def _flow(lines: list[Line], separator: str) -> tuple[str, list[Box]]:
    """One text; what separates two lines counts with the first."""
    boxes = [box for line in lines for box in [*map(list, line.boxes[:-1]), _widened(line.boxes[-1], len(separator))]]
    boxes[-1][-1] -= len(separator)
    return separator.join(line.text for line in lines), boxes


def _widened(box: Box, by: int) -> Box:
    return [*box[:-1], box[-1] + by]


def _without_running_lines(pages: list[list[Line]], body: float) -> list[list[Line]]:
    """Without headers and footers: small first or last lines that most pages share but for their numbers."""
    edges: Counter[str] = Counter()
    for lines in pages:
        edges.update({_DIGITS.sub("#", line.text) for line in (*lines[:1], *lines[-1:]) if not _is_large(line, body)})
    running = {text for text, count in edges.items() if count > max(1, len(pages) / 2)}

    def strip(lines: list[Line]) -> list[Line]:
        first = 1 if lines and _DIGITS.sub("#", lines[0].text) in running else 0
        last = -1 if len(lines) > first and _DIGITS.sub("#", lines[-1].text) in running else None
        return lines[first:last]

    return [strip(lines) for lines in pages]
