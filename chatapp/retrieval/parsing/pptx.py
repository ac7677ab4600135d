"""PowerPoint: slide n is page n; its title is a heading, then text, tables and the speaker's notes."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pptx
from pptx.enum.shapes import MSO_SHAPE_TYPE
from pptx.exc import PythonPptxError

from chatapp.retrieval.parsing import Block, BlockKind, Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.archives import check_office
from chatapp.retrieval.parsing.budget import current_budget
from chatapp.retrieval.parsing.cleaning import clean
from chatapp.retrieval.parsing.hidden import LeftOut
from chatapp.retrieval.parsing.slide_colours import Slide
from chatapp.retrieval.parsing.tables import table_blocks

_DAMAGED = (
    KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError, OSError, zipfile.BadZipFile,
    PythonPptxError,
)  # fmt: skip


def parse(path: Path) -> Parsed:
    check_office(path, part="ppt/presentation.xml")
    try:
        return _read(pptx.Presentation(str(path)))
    except _DAMAGED:  # lxml's syntax errors are SyntaxErrors
        raise ParsingError(Reason.DAMAGED) from None


def _read(presentation: Any) -> Parsed:
    current_budget().spend_pages(len(presentation.slides))
    left_out = LeftOut()
    blocks = [
        block
        for number, slide in enumerate(presentation.slides, start=1)
        for block in _slide_blocks(Slide(slide, presentation, left_out), number)
    ]
    title = clean(presentation.core_properties.title or "")
    return Parsed(
        blocks=blocks,
        title="" if title == "PowerPoint Presentation" else title,
        pages=len(presentation.slides),
        notes=left_out.notes(),
    )


def _slide_blocks(slide: Slide, page: int) -> list[Block]:
    shown = slide.raw
    title = shown.shapes.title
    heading = " ".join(slide.text_of(title).split()) if title is not None else ""
    blocks = [Block(BlockKind.HEADING, heading or f"Slide {page}", level=1, page=page)]
    for shape in _in_reading_order(shown.shapes):
        if title is None or shape.shape_id != title.shape_id:
            blocks += _shape_blocks(slide, shape, page)
    if shown.has_notes_slide and shown.notes_slide.notes_text_frame is not None:
        notes = clean(shown.notes_slide.notes_text_frame.text).strip()
        if notes:
            blocks.append(Block(BlockKind.TEXT, f"Notes: {notes}", page=page))
    return blocks if len(blocks) > 1 or heading else []


def _in_reading_order(shapes: Any) -> Iterator[Any]:
    """From top to bottom, then from left to right; what stands in a group stays together."""
    for shape in sorted(shapes, key=lambda shape: (shape.top or 0, shape.left or 0)):
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
            yield from _in_reading_order(shape.shapes)
        else:
            yield shape


def _shape_blocks(slide: Slide, shape: Any, page: int) -> list[Block]:
    if getattr(shape, "has_table", False):
        return table_blocks([[clean(cell.text) for cell in row.cells] for row in shape.table.rows], page=page)
    text = slide.text_of(shape)
    return [Block(BlockKind.TEXT, text, page=page)] if text.strip() else []
