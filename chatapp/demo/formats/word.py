import zipfile
from collections.abc import Iterable
from io import BytesIO

from docx import Document
from docx.document import Document as WordDocument
from docx.text.paragraph import Paragraph as WordParagraph

from chatapp.demo.blocks import Block, Code, Heading, Listing, Paragraph, Spans, Table


def write_word(blocks: Iterable[Block], *, title: str) -> bytes:
    """A .docx with Word's own heading, list and table styles."""
    document = Document()
    document.core_properties.title = title
    document.core_properties.author = "Brackwell Instruments"
    for block in blocks:
        _add(document, block)
    buffer = BytesIO()
    document.save(buffer)
    return _without_times(buffer.getvalue())


def _add(document: WordDocument, block: Block) -> None:
    match block:
        case Heading(level, text):
            document.add_heading(text, level=level)
        case Paragraph(spans):
            _add_spans(document.add_paragraph(), spans)
        case Listing(ordered, items):
            for item in items:
                _add_spans(document.add_paragraph(style="List Number" if ordered else "List Bullet"), item)
        case Table(rows):
            table = document.add_table(rows=len(rows), cols=len(rows[0]), style="Light Grid Accent 1")
            for row, texts in zip(table.rows, rows, strict=True):
                for cell, text in zip(row.cells, texts, strict=True):
                    cell.text = text
            document.add_paragraph()
        case Code(text):
            document.add_paragraph(text, style="No Spacing").runs[0].font.name = "Courier New"


def _add_spans(paragraph: WordParagraph, spans: Spans) -> None:
    for span in spans:
        run = paragraph.add_run(span.text)
        run.bold, run.italic = span.bold or None, span.italic or None
        if span.code:
            run.font.name = "Courier New"


def _without_times(data: bytes) -> bytes:
    # python-docx stamps each zip member with the current time; the same document must give the same bytes.
    buffer = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            new.writestr(zipfile.ZipInfo(name), old.read(name), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
