"""Where the lines of a PDF stand: boxes for highlighting, which cover the block's text character by character."""

from pathlib import Path

import fpdf
import pypdfium2
import pytest

from chatapp.retrieval.formats import Format
from chatapp.retrieval.parsing import Block, BlockKind
from chatapp.retrieval.tests.conftest import make_pdf
from chatapp.retrieval.tests.files import read_bytes
from chatapp.retrieval.tests.reading_whole import parse_file

LONG = " ".join(f"word{number}" for number in range(60))


def lines_of(block: Block) -> list[str]:
    """The text of each box."""
    found, start = [], 0
    for box in block.boxes:
        found.append(block.text[start : start + box[5]])
        start += box[5]
    assert start == len(block.text)
    return found


def test_boxes_cover_the_text_of_every_block(tmp_path: Path) -> None:
    parsed = read_bytes(Format.PDF, make_pdf(f"Heading\n{LONG}", "Two\nshort\nrows\nhere\n" + LONG), tmp_path)
    assert len(parsed.blocks) >= 4
    for block in parsed.blocks:
        assert {box[0] for box in block.boxes} == {block.page}
        assert all(
            0 <= left < right <= 10_000 and 0 <= top < bottom <= 10_000
            for _, left, top, right, bottom, _ in block.boxes
        )
        assert all(line.strip() for line in lines_of(block))
    paragraph = parsed.blocks[1]
    tops = [box[2] for box in paragraph.boxes]
    assert len(tops) > 2
    assert tops == sorted(tops)


def text_inside(data: bytes, box: list[int]) -> str:
    """What pdfium itself finds in the box of the page as it is shown, a little widened."""
    with pypdfium2.PdfDocument(data) as document:
        page = document[box[0] - 1]
        left, bottom, right, top = page.get_bbox()
        width, height = right - left, top - bottom
        found: str = page.get_textpage().get_text_bounded(
            left=left + box[1] * width / 10_000 - 1,
            right=left + box[3] * width / 10_000 + 1,
            top=top - box[2] * height / 10_000 + 1,
            bottom=top - box[4] * height / 10_000 - 1,
        )
        return found


def test_a_box_holds_its_line_and_nothing_else(tmp_path: Path) -> None:
    data = make_pdf(f"Heading\n{LONG}")
    for block in read_bytes(Format.PDF, data, tmp_path).blocks:
        for box, line in zip(block.boxes, lines_of(block), strict=True):
            assert text_inside(data, box).strip() == line.strip()


def test_a_word_that_a_hyphen_divides_is_whole_and_has_two_boxes(tmp_path: Path) -> None:
    pdf = fpdf.FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=11)
    for y, line in ((40, "The office furni\u00ad"), (46, "ture is repaired on the second floor of the house")):
        pdf.text(20, y, line)
    (block,) = read_bytes(Format.PDF, bytes(pdf.output()), tmp_path).blocks
    assert block.text == "The office furniture is repaired on the second floor of the house"
    assert [line.split()[-1] for line in lines_of(block)] == ["furni", "house"]


@pytest.mark.parametrize("rotation,corner", [(0, (0, 0)), (90, (1, 0)), (180, (1, 1)), (270, (0, 1))])
def test_boxes_of_a_turned_page_are_those_of_the_page_as_shown(
    rotation: int, corner: tuple[int, int], tmp_path: Path
) -> None:
    pdf = fpdf.FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=11)
    pdf.text(5, 10, "Upper left")
    with pypdfium2.PdfDocument(bytes(pdf.output())) as document:
        document[0].set_rotation(rotation)
        document.save(tmp_path / "turned.pdf")
    parsed = read_bytes(Format.PDF, (tmp_path / "turned.pdf").read_bytes(), tmp_path)
    _, left, top, right, bottom, _ = parsed.blocks[0].boxes[0]
    assert ((left + right) // 2 > 5_000, (top + bottom) // 2 > 5_000) == (bool(corner[0]), bool(corner[1]))


def test_boxes_survive_the_way_out_of_the_child(tmp_path: Path) -> None:
    parsed = read_bytes(Format.PDF, make_pdf("Heading\nA longer text"), tmp_path)
    assert parse_file(tmp_path / "upload", Format.PDF) == parsed
    assert parsed.blocks[0].kind is BlockKind.HEADING
