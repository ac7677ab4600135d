"""Word documents: headings, lists and tables in reading order. Nothing outside the file is ever loaded."""

import zipfile
from pathlib import Path
from typing import Any

import docx
from docx.document import Document
from docx.exceptions import PythonDocxError
from docx.table import Table
from docx.text.paragraph import Paragraph

from chatapp.retrieval.parsing import Block, BlockKind, Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.archives import check_office
from chatapp.retrieval.parsing.cleaning import clean
from chatapp.retrieval.parsing.tables import table_blocks
from chatapp.retrieval.parsing.word_colours import remove_invisible

_DAMAGED = (KeyError, ValueError, AttributeError, SyntaxError, OSError, zipfile.BadZipFile, PythonDocxError)
# Tracked insertions and content controls are text that stands in them; python-docx looks only at runs of a paragraph.
_WRAPPERS = ".//w:ins | .//w:moveTo | .//w:smartTag | .//w:customXml | .//w:sdt/w:sdtContent | .//w:sdt"


def parse(path: Path) -> Parsed:
    check_office(path, part="word/document.xml")
    try:
        return _read(docx.Document(str(path)))
    except _DAMAGED:  # lxml's syntax errors are SyntaxErrors
        raise ParsingError(Reason.DAMAGED) from None


def _read(document: Document) -> Parsed:
    for wrapper in document.element.body.xpath(_WRAPPERS):
        _unwrap(wrapper)
    left_out = remove_invisible(document)
    blocks = [block for item in document.iter_inner_content() for block in _blocks(item)]
    return Parsed(blocks=blocks, title=clean(document.core_properties.title or ""), notes=left_out.notes())


def _unwrap(wrapper: Any) -> None:
    parent = wrapper.getparent()
    for child in wrapper:
        if not child.tag.endswith(("sdtPr", "sdtEndPr")):
            wrapper.addprevious(child)
    parent.remove(wrapper)


def _blocks(item: Paragraph | Table) -> list[Block]:
    if isinstance(item, Table):
        return table_blocks([[clean(cell.text) for cell in row.cells] for row in item.rows])
    text = clean(item.text).strip()
    if not text:
        return []
    style = (item.style.name or "" if item.style else "").lower()
    if style == "title":
        return [Block(BlockKind.HEADING, text, level=1)]
    if style.startswith("heading") and style[-1].isdigit():
        return [Block(BlockKind.HEADING, text, level=int(style[-1]))]
    return [Block(BlockKind.TEXT, f"- {text}" if style.startswith("list") else text)]
