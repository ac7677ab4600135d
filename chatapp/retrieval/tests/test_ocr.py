"""Text recognition, with the Tesseract that is installed here; without one the sentence that says so."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fpdf
import pytest
from PIL import Image

from chatapp.retrieval.formats import Format
from chatapp.retrieval.parsing import Parsed, ParsingError, Reason, child, limits, ocr
from chatapp.retrieval.tests.files import make_picture, make_scan, make_zip, picture_of, read_bytes
from chatapp.retrieval.tests.reading_whole import parse_file

needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
SENTENCE = "The pump runs at four bar."
Parse = Callable[[Format, bytes], Parsed]


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    def run(kind: Format, data: bytes) -> Parsed:
        path = tmp_path / "upload"
        path.write_bytes(data)
        return parse_file(path, kind)

    return run


@needs_tesseract
@pytest.mark.parametrize("kind", [Format.PNG, Format.JPEG, Format.TIFF])
def test_a_picture_is_read_with_the_places_of_its_lines(kind: Format, parse: Parse) -> None:
    parsed = parse(kind, make_picture(f"{SENTENCE}\nAsk the desk before you open it.", kind.value.upper()))
    assert parsed.pages == 1
    (block,) = parsed.blocks
    assert block.text == f"{SENTENCE} Ask the desk before you open it."
    assert [box[5] for box in block.boxes] == [len(SENTENCE) + 1, len(block.text) - len(SENTENCE) - 1]
    assert block.boxes[0][2] < block.boxes[1][2]
    assert all(
        0 < left < right < 10_000 and 0 < top < bottom < 10_000 for _, left, top, right, bottom, _ in block.boxes
    )


@needs_tesseract
def test_scanned_pages_are_read_and_others_keep_their_text(parse: Parse) -> None:
    pdf = fpdf.FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=12)
    pdf.text(20, 30, "The first page is text.")
    pdf.add_page()
    pdf.image(picture_of(SENTENCE), x=10, y=20, w=190)
    pdf.add_page()
    parsed = parse(Format.PDF, bytes(pdf.output()))
    assert [(block.page, block.text) for block in parsed.blocks] == [(1, "The first page is text."), (2, SENTENCE)]
    assert (parsed.pages, parsed.notes) == (3, [])


@needs_tesseract
def test_scans_with_a_printed_header_are_read(parse: Parse) -> None:
    pdf = fpdf.FPDF()
    for number in range(1, 4):
        pdf.add_page()
        pdf.set_font("Helvetica", size=9)
        pdf.text(20, 10, f"Scanned by the archive, page {number}")
        pdf.image(picture_of(f"{SENTENCE}\nPart {number}", size=(1600, 1600)), x=10, y=20, w=190)
    parsed = parse(Format.PDF, bytes(pdf.output()))
    found = [" ".join(block.text for block in parsed.blocks if block.page == number) for number in (1, 2, 3)]
    assert all(f"{SENTENCE} Part {number}" in text for number, text in enumerate(found, start=1)), found


@needs_tesseract
def test_pages_of_a_tiff_and_pictures_in_an_archive(parse: Parse) -> None:
    file = io.BytesIO()
    picture_of(SENTENCE).save(file, "TIFF", save_all=True, append_images=[picture_of("Second page of it.")])
    assert [(block.page, block.text) for block in parse(Format.TIFF, file.getvalue()).blocks] == [
        (1, SENTENCE),
        (2, "Second page of it."),
    ]
    archive = make_zip({"a/picture.png": make_picture(SENTENCE)})
    assert [block.text for block in parse(Format.ZIP, archive).blocks] == ["a/picture.png", SENTENCE]


@needs_tesseract
def test_pages_that_time_does_not_suffice_for_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(limits.TESSERACT, shutil.which("tesseract") or "")
    monkeypatch.setenv(limits.OCR_LANGUAGES, "eng")
    monkeypatch.setattr(ocr, "OCR_SECONDS", 0)
    file = io.BytesIO()
    picture_of(SENTENCE).save(file, "TIFF", save_all=True, append_images=[picture_of("Second page of it.")])
    parsed = read_bytes(Format.TIFF, file.getvalue(), tmp_path)
    assert [block.text for block in parsed.blocks] == [SENTENCE]
    assert parsed.notes == ["Text recognition took too long: only 1 of 2 pages were read."]


@needs_tesseract
def test_d11_names_like_options_reach_no_command(parse: Parse) -> None:
    names = ["--help.png", "-oX.png", "a b;id.png"]
    parsed = parse(Format.ZIP, make_zip({name: make_picture(SENTENCE) for name in names}))
    assert [block.text for block in parsed.blocks] == [text for name in names for text in (name, SENTENCE)]


def test_no_secret_reaches_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "zanzibar-77")
    handed = child._environment("/tmp/scratch")
    assert "zanzibar-77" not in handed.values()
    known = {
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUTF8",
        "TMPDIR",
        "TESSDATA_PREFIX",
        limits.TESSERACT,
        limits.OCR_LANGUAGES,
    }
    assert handed.keys() <= known


@needs_tesseract
def test_a_picture_without_text_is_said_to_have_none(parse: Parse) -> None:
    with pytest.raises(ParsingError) as caught:
        parse(Format.PNG, make_picture(""))
    assert caught.value.reason is Reason.NO_TEXT


@pytest.mark.parametrize("kind", [Format.PNG, Format.PDF])
def test_without_recognition_the_uploader_is_told(kind: Format, parse: Parse, settings: Any) -> None:
    settings.OCR = "off"
    with pytest.raises(ParsingError) as caught:
        parse(kind, make_picture(SENTENCE) if kind is Format.PNG else make_scan(SENTENCE))
    assert caught.value.reason is Reason.OCR_OFF


def test_without_recognition_the_pages_that_were_not_read_are_named(parse: Parse, settings: Any) -> None:
    settings.OCR = "off"
    pdf = fpdf.FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=12)
    pdf.text(20, 30, "The first page is text.")
    pdf.add_page()
    pdf.image(picture_of(SENTENCE), x=10, y=20, w=190)
    parsed = parse(Format.PDF, bytes(pdf.output()))
    assert parsed.notes == ["Pages without text were not read, because text recognition (OCR) is off here: 2."]


@needs_tesseract
def test_a_language_that_is_not_installed_fails_with_a_reason(parse: Parse, settings: Any) -> None:
    settings.OCR_LANGUAGES = ["xyz"]
    with pytest.raises(ParsingError) as caught:
        parse(Format.PNG, make_picture(SENTENCE))
    assert caught.value.reason is Reason.UNREADABLE


def test_d03_a_picture_of_too_many_pixels_is_never_unpacked(parse: Parse) -> None:
    file = io.BytesIO()
    Image.new("1", (12_000, limits.PICTURE_PIXELS // 12_000 + 1)).save(file, "PNG")
    assert len(file.getvalue()) < 100_000
    with pytest.raises(ParsingError) as caught:
        parse(Format.PNG, file.getvalue())
    assert caught.value.reason is Reason.TOO_LARGE
