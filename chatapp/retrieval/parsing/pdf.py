"""PDF by pdfium: text of each page in reading order; lines set clearly larger than the body are headings."""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

from chatapp.retrieval.parsing import Block, BlockKind, Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.cleaning import clean
from chatapp.retrieval.parsing.limits import MAX_CHARACTERS, MAX_PAGES

_HEADING_SCALE = 1.15
_HEADING_MAX_CHARACTERS = 120
_BULLET = re.compile(r"^\s*(?:[-*\u2022\u25cf\u2013]|\d{1,2}[.)])\s+")
_DIGITS = re.compile(r"\d+")
# A line that ends well before the widest one ends its paragraph.
_SHORT_LINE = 0.7


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    size: float


def parse(path: Path) -> Parsed:
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        protected = getattr(error, "err_code", None) in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}
        raise ParsingError(Reason.ENCRYPTED if protected else Reason.DAMAGED) from None
    with document:
        if len(document) > MAX_PAGES:
            raise ParsingError(Reason.TOO_LARGE)
        if not _ends_properly(path):
            raise ParsingError(Reason.DAMAGED)
        pages = _read_pages(document)
        title = clean(document.get_metadata_value("Title"))
    body = _body_size(pages)
    pages = _without_running_lines(pages, body)
    blocks = [block for number, lines in enumerate(pages, start=1) for block in _page_blocks(lines, number, body)]
    return Parsed(blocks=blocks, title=title, pages=len(pages))


def _ends_properly(path: Path) -> bool:
    """Pdfium repairs a truncated file by dropping pages, which would answer from half a document."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2048))
        return b"%%EOF" in file.read()


def _read_pages(document: pypdfium2.PdfDocument) -> list[list[_Line]]:
    pages, length = [], 0
    for index in range(len(document)):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            raise ParsingError(Reason.DAMAGED) from None
        lines = _lines(page)
        page.close()
        pages.append(lines)
        length += sum(len(line.text) for line in lines)
        if length > MAX_CHARACTERS:
            raise ParsingError(Reason.TOO_LARGE)
    return pages


def _lines(page: pypdfium2.PdfPage) -> list[_Line]:
    textpage = page.get_textpage()
    try:
        # pdfium marks a hyphen at a line's end by U+0002 or U+FFFE: the word goes on.
        raw = re.sub("[\x02\ufffe]\r?\n?", "", textpage.get_text_range())
        lines, start = [], 0
        for line in raw.splitlines(keepends=True):
            text = clean(line).strip()
            if text:
                indent = len(line) - len(line.lstrip())
                lines.append(_Line(text, round(pdfium.FPDFText_GetFontSize(textpage, start + indent), 1)))
            start += len(line)
        return lines
    finally:
        textpage.close()


def _body_size(pages: list[list[_Line]]) -> float:
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _page_blocks(lines: list[_Line], page: int, body: float) -> list[Block]:
    def heading_size(line: _Line) -> float:
        return line.size if _is_large(line, body) and len(line.text) <= _HEADING_MAX_CHARACTERS else 0.0

    blocks = []
    for size, group in groupby(lines, key=heading_size):
        texts = [line.text for line in group]
        if size:
            blocks.append(Block(BlockKind.HEADING, " ".join(texts), level=_level(size / body), page=page))
        else:
            blocks.extend(Block(BlockKind.TEXT, text, page=page) for text in _paragraphs(texts))
    return blocks


def _is_large(line: _Line, body: float) -> bool:
    return body > 0 and line.size >= body * _HEADING_SCALE


def _level(scale: float) -> int:
    return 1 if scale >= 1.6 else 2 if scale >= 1.3 else 3


def _paragraphs(lines: list[str]) -> list[str]:
    """Full lines flow together; rows of a table, which are short lines after short lines, stay lines."""
    widest = max(map(len, lines))
    paragraphs: list[str] = []
    held = ""
    for line in lines:
        is_short = len(line) < _SHORT_LINE * widest
        if not held or _BULLET.match(line):
            paragraphs.append(line)
        elif len(held) >= _SHORT_LINE * widest:
            paragraphs[-1] += " " + line
        elif is_short and paragraphs[-1].rpartition("\n")[2] == held and not held.endswith((".", "!", "?")):
            paragraphs[-1] += "\n" + line
        else:
            paragraphs.append(line)
        held = line
    return paragraphs


def _without_running_lines(pages: list[list[_Line]], body: float) -> list[list[_Line]]:
    """Without headers and footers: small first or last lines that most pages share but for their numbers."""
    edges: Counter[str] = Counter()
    for lines in pages:
        edges.update({_DIGITS.sub("#", line.text) for line in (*lines[:1], *lines[-1:]) if not _is_large(line, body)})
    running = {text for text, count in edges.items() if count > max(1, len(pages) / 2)}

    def strip(lines: list[_Line]) -> list[_Line]:
        first = 1 if lines and _DIGITS.sub("#", lines[0].text) in running else 0
        last = -1 if len(lines) > first and _DIGITS.sub("#", lines[-1].text) in running else None
        return lines[first:last]

    return [strip(lines) for lines in pages]
