"""Word documents: headings, lists and tables in reading order. Nothing outside the file is ever loaded."""

import stat
import zipfile
from pathlib import Path

import docx
from docx.document import Document
from docx.table import Table
from docx.text.paragraph import Paragraph

from chatapp.retrieval.formats import OLE_MAGIC
from chatapp.retrieval.parsing import Block, BlockKind, Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.cleaning import clean
from chatapp.retrieval.parsing.limits import ARCHIVE_BYTES, ARCHIVE_ENTRIES
from chatapp.retrieval.parsing.tables import pipe_table

_HIDDEN_RUNS = './/w:r[w:rPr/w:vanish[not(@w:val) or not(contains(" 0 false off ", concat(" ", @w:val, " ")))]]'
_DECLARATIONS = (b"<!DOCTYPE", b"<!ENTITY")


def parse(path: Path) -> Parsed:
    check_archive(path)
    try:
        document: Document = docx.Document(str(path))
    except (KeyError, ValueError, SyntaxError, zipfile.BadZipFile):  # lxml's syntax errors are SyntaxErrors
        raise ParsingError(Reason.DAMAGED) from None
    _remove_hidden(document)
    blocks = [block for item in document.iter_inner_content() for block in _blocks(item)]
    return Parsed(blocks=blocks, title=clean(document.core_properties.title or ""))


def _remove_hidden(document: Document) -> None:
    """What Word itself does not show: text marked as hidden."""
    for run in document.element.body.xpath(_HIDDEN_RUNS):
        run.getparent().remove(run)


def check_archive(path: Path) -> None:
    """Refuses, before anything is unpacked into memory, what is not a whole, harmless Word document."""
    with path.open("rb") as file:
        if file.read(len(OLE_MAGIC)) == OLE_MAGIC:
            raise ParsingError(Reason.ENCRYPTED)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive)
    except (zipfile.BadZipFile, EOFError, NotImplementedError):
        raise ParsingError(Reason.DAMAGED) from None


def _check_entries(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    names = {entry.filename for entry in entries}
    if len(entries) > ARCHIVE_ENTRIES or sum(entry.file_size for entry in entries) > ARCHIVE_BYTES:
        raise ParsingError(Reason.TOO_LARGE)
    if len(names) != len(entries) or any(_leads_out(entry) for entry in entries):
        raise ParsingError(Reason.DAMAGED)
    if any(entry.flag_bits & 1 for entry in entries):
        raise ParsingError(Reason.ENCRYPTED)
    if "word/document.xml" not in names:
        raise ParsingError(Reason.NOT_DOCX)
    for entry in entries:
        if entry.filename.endswith((".xml", ".rels")):
            _check_declarations(archive, entry)


def _leads_out(entry: zipfile.ZipInfo) -> bool:
    """To another place, on any system: upwards, absolute, with a drive, or through a link."""
    name = entry.filename
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return is_link or name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/")


def _check_declarations(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """A declaration may stand behind any number of comments."""
    before = b""
    with archive.open(entry) as part:
        while data := part.read(65536):
            seen = before + data.replace(b"\x00", b"")  # UTF-16 hides nothing
            if any(declaration in seen for declaration in _DECLARATIONS):
                raise ParsingError(Reason.ENTITIES)
            before = seen[-len(_DECLARATIONS[0]) :]


def _blocks(item: Paragraph | Table) -> list[Block]:
    if isinstance(item, Table):
        rows = [[clean(cell.text) for cell in row.cells] for row in item.rows]
        has_text = any(cell for row in rows for cell in row)
        return [Block(BlockKind.TABLE, pipe_table(rows))] if has_text else []
    text = clean(item.text).strip()
    if not text:
        return []
    style = (item.style.name or "" if item.style else "").lower()
    if style == "title":
        return [Block(BlockKind.HEADING, text, level=1)]
    if style.startswith("heading") and style[-1].isdigit():
        return [Block(BlockKind.HEADING, text, level=int(style[-1]))]
    return [Block(BlockKind.TEXT, f"- {text}" if style.startswith("list") else text)]
