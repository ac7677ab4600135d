"""Word documents: headings, lists and tables in reading order. Nothing outside the file is ever loaded."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
from docx.document import Document
from docx.exceptions import PythonDocxError
from docx.oxml import parse_xml
from docx.oxml.ns import qn
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
_BOXES = ".//w:txbxContent[not(ancestor::*[local-name() = 'Fallback'])]"
_WITH_BOXES = ".//w:p[.//w:txbxContent and not(ancestor::w:txbxContent)]"


def parse(path: Path) -> Parsed:
    check_office(path, part="word/document.xml")
    try:
        return _read(docx.Document(str(path)))
    except _DAMAGED:  # lxml's syntax errors are SyntaxErrors
        raise ParsingError(Reason.DAMAGED) from None


def _read(document: Document) -> Parsed:
    body = document.element.body
    for wrapper in body.xpath(_WRAPPERS):
        _unwrap(wrapper)
    notes = list(_footnotes(document))
    left_out = remove_invisible(document, body, *notes)
    for paragraph in body.xpath(_WITH_BOXES):
        _lift_boxes(paragraph)
    styles = _style_names(document)
    blocks = [block for item in document.iter_inner_content() for block in _blocks(item, styles)]
    footnotes = (clean("".join(text.text or "" for text in note.iter(qn("w:t")))).strip() for note in notes)
    blocks += [Block(BlockKind.TEXT, f"Footnote: {text}") for text in footnotes if text]
    return Parsed(blocks=blocks, title=clean(document.core_properties.title or ""), notes=left_out.notes())


def _footnotes(document: Document) -> Iterator[Any]:
    """Of the page and of the document's end."""
    for relation in document.part.rels.values():
        if not relation.is_external and relation.reltype.endswith(("/footnotes", "/endnotes")):
            yield from parse_xml(relation.target_part.blob).iterchildren(qn("w:footnote"), qn("w:endnote"))


def _lift_boxes(paragraph: Any) -> None:
    """What stands in a text box comes after the paragraph that the box hangs on."""
    for box in reversed(paragraph.xpath(_BOXES)):
        for content in reversed(box):
            paragraph.addnext(content)


def _unwrap(wrapper: Any) -> None:
    parent = wrapper.getparent()
    for child in wrapper:
        if not child.tag.endswith(("sdtPr", "sdtEndPr")):
            wrapper.addprevious(child)
    parent.remove(wrapper)


def _style_names(document: Document) -> dict[str | None, str]:
    """By id, the default one by None. python-docx looks through all styles for each paragraph."""
    names: dict[str | None, str] = {}
    for style in document.styles.element.iter(qn("w:style")):
        name = style.find(qn("w:name"))
        text = (name.get(qn("w:val")) or "").lower() if name is not None else ""
        names[style.get(qn("w:styleId"))] = text
        if style.get(qn("w:type")) == "paragraph" and style.get(qn("w:default")) in {"1", "true", "on"}:
            names[None] = text
    return names


def _blocks(item: Paragraph | Table, styles: dict[str | None, str]) -> list[Block]:
    if isinstance(item, Table):
        return table_blocks([[clean(cell.text) for cell in row.cells] for row in item.rows])
    text = clean(item.text).strip()
    if not text:
        return []
    style = styles.get(item._p.style, "")  # noqa: SLF001 (its id)
    if style == "title":
        return [Block(BlockKind.HEADING, text, level=1)]
    if style.startswith("heading") and style[-1].isdigit():
        return [Block(BlockKind.HEADING, text, level=int(style[-1]))]
    return [Block(BlockKind.TEXT, f"- {text}" if style.startswith("list") else text)]
