"""Makes small files of each format, and reads files in this process."""

import io
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import fpdf
import openpyxl
import pptx
from PIL import Image, ImageDraw, ImageFont

from chatapp.retrieval.formats import Format
from chatapp.retrieval.parsing import Parsed
from chatapp.retrieval.parsing.reading import read


def read_bytes(kind: Format, data: bytes, folder: Path) -> Parsed:
    """Raises ParsingError."""
    path = folder / "upload"
    path.write_bytes(data)
    return read(kind, path)


def texts(parsed: Parsed) -> list[str]:
    return [block.text for block in parsed.blocks]


def make_xlsx(build: Callable[[Any], object]) -> bytes:
    """`build` gets the workbook, whose first sheet is "Prices"."""
    workbook = openpyxl.Workbook()
    workbook.active.title = "Prices"
    build(workbook)
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def make_pptx(build: Callable[[Any], object]) -> bytes:
    presentation = pptx.Presentation()
    build(presentation)
    file = io.BytesIO()
    presentation.save(file)
    return file.getvalue()


def make_eml(subject: str, text: str, *, html: str = "", attachments: dict[str, bytes] | None = None) -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "Ann Lee <ann@example.org>", "bob@example.org"
    message["Date"] = "Mon, 03 Jun 2024 10:00:00 +0000"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name, data in (attachments or {}).items():
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def make_zip(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def picture_of(text: str, *, size: tuple[int, int] = (1600, 500)) -> Image.Image:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).multiline_text((60, 60), text, fill="black", font=ImageFont.load_default(56), spacing=24)
    return image


def make_picture(text: str, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    picture_of(text).save(file, kind)
    return file.getvalue()


def make_scan(*pages: str) -> bytes:
    """A PDF whose pages are pictures."""
    pdf = fpdf.FPDF()
    for page in pages:
        pdf.add_page()
        pdf.image(picture_of(page), x=10, y=20, w=190)
    return bytes(pdf.output())
