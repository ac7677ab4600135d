from collections.abc import Iterable
from datetime import UTC, datetime

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

from chatapp.demo.blocks import Block, Code, Heading, Listing, Paragraph, Spans, Table

# A fixed date keeps the bytes the same from run to run.
WRITTEN = datetime(2026, 2, 1, tzinfo=UTC)
HEADING_SIZES = {1: 20, 2: 14}
BODY_SIZE = 11
LINE = 5.5
LINE_HEIGHT = 1.35
PARAGRAPH_GAP = 2.5
INDENT = 6.0


class _Paper(FPDF):
    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("Helvetica", size=9)
        self.cell(0, 10, f"Page {self.page_no()} of {{nb}}", align="R")


def write_pdf(blocks: Iterable[Block], *, title: str) -> bytes:
    """A4 with a text layer. Only the core fonts are used, so the text must be Latin-1 (fpdf2 raises otherwise)."""
    paper = _Paper(format="A4")
    paper.set_creation_date(WRITTEN)
    paper.set_title(title)
    paper.set_author("Brackwell Instruments")
    paper.set_margin(22)
    paper.set_auto_page_break(auto=True, margin=22)
    paper.add_page()
    for block in blocks:
        _write(paper, block)
    return bytes(paper.output())


def _write(paper: FPDF, block: Block) -> None:
    match block:
        case Heading(level, text):
            size = HEADING_SIZES.get(level, 12)
            if paper.will_page_break(size * 2):
                paper.add_page()
            paper.ln(2)
            paper.set_font("Helvetica", style="B", size=size)
            paper.multi_cell(0, size / 2, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            paper.ln(2)
        case Paragraph(spans):
            _write_spans(paper, spans)
        case Listing():
            for marker, item in zip(block.markers(), block.items, strict=True):
                _write_spans(paper, item, marker=marker)
            paper.ln(2)
        case Table(rows):
            _write_table(paper, rows)
        case Code(text):
            paper.set_font("Courier", size=BODY_SIZE - 1)
            paper.multi_cell(0, LINE, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            paper.ln(2)


def _write_spans(paper: FPDF, spans: Spans, *, marker: str = "") -> None:
    paper.set_font("Helvetica", size=BODY_SIZE)
    with (
        paper.text_columns(text_align="L", line_height=LINE_HEIGHT) as column,
        column.paragraph(
            indent=INDENT if marker else 0, bullet_string=marker, bottom_margin=1 if marker else PARAGRAPH_GAP
        ) as paragraph,
    ):
        for span in spans:
            style = ("B" if span.bold else "") + ("I" if span.italic else "")
            paper.set_font("Courier" if span.code else "Helvetica", style=style, size=BODY_SIZE)
            paragraph.write(span.text)


def _write_table(paper: FPDF, rows: tuple[tuple[str, ...], ...]) -> None:
    # Columns share the width by their longest cell, within limits, so that short ones do not wrap.
    widths = tuple(min(max(8, *map(len, column)), 45) for column in zip(*rows, strict=True))
    paper.set_font("Helvetica", size=BODY_SIZE - 1)
    with paper.table(
        rows,
        col_widths=widths,
        line_height=LINE,
        text_align="LEFT",
        padding=1,
        headings_style=FontFace(emphasis="BOLD"),
    ):
        pass  # leaving the block draws the table
    paper.ln(4)
