"""More than forty kinds of files that are not what they should be, each with what becomes of it.

None: either a reason or text, whichever the library makes of it.
"""

import io
import random
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from PIL import Image
from pptx.util import Inches

from chatapp.retrieval.formats import OLE_MAGIC, Format
from chatapp.retrieval.parsing import Reason
from chatapp.retrieval.parsing.limits import ARCHIVE_BYTES, ARCHIVE_ENTRIES, MEMBERS, PICTURE_PIXELS
from chatapp.retrieval.tests.conftest import make_docx, make_pdf
from chatapp.retrieval.tests.files import make_eml, make_picture, make_pptx, make_scan, make_xlsx, make_zip

READY = "ready"
NOISE = random.Random(6).randbytes(5_000)


@dataclass(frozen=True)
class BadFile:
    name: str
    kind: Format
    data: bytes
    outcome: str | None


def _slides(presentation: Any) -> None:
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "The plan"
    slide.shapes.add_textbox(Inches(1), Inches(4), Inches(4), Inches(1)).text_frame.text = "Grow in the north."


GOOD: dict[Format, bytes] = {
    Format.TXT: b"Leave\n=====\n\nEverybody has 28 days.\n",
    Format.MD: b"# Leave\n\nEverybody has 28 days.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
    Format.HTML: b"<html><head><title>Leave</title></head><body><h1>Leave</h1><table><tr><td>a<td>b</table></body>",
    Format.CSV: b"Name,Days\nAnn,28\nBob,30\n",
    Format.EML: make_eml("Leave", "Everybody has 28 days.", html="<p>28", attachments={"a.csv": b"a,b\n1,2\n"}),
    Format.PDF: make_pdf("Leave\nEverybody has 28 days."),
    Format.DOCX: make_docx(lambda document: document.add_paragraph("Everybody has 28 days.")),
    Format.PPTX: make_pptx(_slides),
    Format.XLSX: make_xlsx(lambda workbook: workbook.active.append(["Name", "Days"])),
    Format.ZIP: make_zip({"leave.md": b"# Leave\n\n28 days.", "days.csv": b"Name,Days\nAnn,28\n"}),
    Format.PNG: make_picture("28 days"),
    Format.JPEG: make_picture("28 days", "JPEG"),
    Format.TIFF: make_picture("28 days", "TIFF"),
}
_BINARY = [kind for kind in GOOD if kind not in {Format.TXT, Format.MD, Format.HTML, Format.CSV, Format.EML}]
_PART = {Format.DOCX: "word/document.xml", Format.PPTX: "ppt/presentation.xml", Format.XLSX: "xl/workbook.xml"}


def replaced(data: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """The archive with its members changed; None leaves one out."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            if (new := change(name, source.read(name))) is not None:
                target.writestr(name, new)
    return file.getvalue()


def _with_part(data: bytes, part: str, content: bytes | None) -> bytes:
    return replaced(data, lambda name, held: content if name == part else held)


def all_bad_files() -> list[BadFile]:
    return [*_of_every_format(), *_text(), *_marked_up(), *_mail(), *_pdf(), *_office(), *_archives(), *_pictures()]


def _of_every_format() -> Iterator[BadFile]:
    for kind, good in GOOD.items():
        yield BadFile(f"empty-{kind}", kind, b"", Reason.EMPTY.name)
        yield BadFile(f"noise-{kind}", kind, NOISE, None)
        yield BadFile(f"appended-{kind}", kind, good + NOISE, None)
    for kind in _BINARY:
        good = GOOD[kind]
        is_picture = kind in {Format.PNG, Format.JPEG, Format.TIFF}
        yield BadFile(f"cut-{kind}", kind, good[: len(good) // 2], None if is_picture else Reason.DAMAGED.name)
        yield BadFile(f"text-as-{kind}", kind, b"Just text.", Reason.DAMAGED.name)
        yield BadFile(f"head-only-{kind}", kind, good[:16], Reason.DAMAGED.name)
        yield BadFile(f"zeroed-{kind}", kind, good[:64] + bytes(len(good) - 64), None)


def _text() -> Iterator[BadFile]:
    yield BadFile("spaces", Format.TXT, b" \n\t \r\n", Reason.EMPTY.name)
    yield BadFile("zeros", Format.TXT, bytes(10_000), Reason.EMPTY.name)
    yield BadFile("control", Format.TXT, b"\x01\x02\x03 few words", Reason.NOT_TEXT.name)
    yield BadFile("program", Format.TXT, b"\x7fELF\x02\x01\x01" + NOISE, Reason.NOT_TEXT.name)
    yield BadFile("odd-utf16", Format.TXT, b"\xff\xfeA\x00B", Reason.NOT_TEXT.name)
    yield BadFile("lone-surrogates", Format.TXT, "a\ud800b".encode("utf-16-le", "surrogatepass"), None)
    yield BadFile("overlong-utf8", Format.TXT, b"\xc0\xaf\xc0\xae words enough to be western", READY)
    yield BadFile("only-invisible", Format.TXT, "\u200b\u2060\U000e0041".encode() * 50, Reason.NO_TEXT.name)
    yield BadFile("one-line-of-5-mb", Format.TXT, b"word " * 1_000_000, READY)
    yield BadFile("too-many-words", Format.TXT, b"word " * 2_100_000, Reason.TOO_LARGE.name)
    yield BadFile("only-rules", Format.MD, b"---\n\n***\n", Reason.NO_TEXT.name)
    yield BadFile("deep-quotes", Format.MD, b">" * 20_000 + b" words", None)
    yield BadFile("deep-lists", Format.MD, b"".join(b"  " * n + b"- x\n" for n in range(1_000)), None)
    yield BadFile("open-brackets", Format.MD, b"[" * 50_000 + b"words", None)
    yield BadFile("open-quote", Format.CSV, b'Name,Days\n"Ann,28\nBob,30\n', READY)
    yield BadFile("ragged", Format.CSV, b"a,b\n1\n1,2,3,4\n", READY)
    yield BadFile(
        "too-wide", Format.CSV, b",".join([b"x"] * 5_000) + b"\n" + b",".join([b"y"] * 5_000), Reason.TOO_LARGE.name
    )
    yield BadFile("only-commas", Format.CSV, b",,,,\n,,,,\n", Reason.NO_TEXT.name)


def _marked_up() -> Iterator[BadFile]:
    yield BadFile("script-only", Format.HTML, b"<script>alert(1)</script>", Reason.NO_TEXT.name)
    yield BadFile("hidden-only", Format.HTML, b"<p hidden>words</p>", Reason.NO_TEXT.name)
    yield BadFile("deep-html", Format.HTML, b"<div>" * 50_000 + b"words", None)
    yield BadFile("open-comment", Format.HTML, b"<!-- words", None)
    yield BadFile("frames", Format.HTML, b"<frameset><frame src=x></frameset>", Reason.NO_TEXT.name)
    yield BadFile("liar-charset", Format.HTML, "<meta charset=utf-16><p>Größe".encode(), READY)
    yield BadFile("unknown-charset", Format.HTML, b"<meta charset=nonesuch><p>words", READY)
    yield BadFile("many-attributes", Format.HTML, b"<p " + b"a=b " * 100_000 + b">words", None)


def _mail() -> Iterator[BadFile]:
    yield BadFile("no-header", Format.EML, b"\n\njust words", Reason.DAMAGED.name)
    yield BadFile("bad-charset", Format.EML, b"Subject: x\nContent-Type: text/plain; charset=nonesuch\n\nwords", READY)
    yield BadFile("bad-base64", Format.EML, b"Subject: x\nContent-Transfer-Encoding: base64\n\n!!!!", READY)
    yield BadFile("open-parts", Format.EML, b"Subject: x\nContent-Type: multipart/mixed; boundary=a\n\n--a\n", None)
    yield BadFile("no-boundary", Format.EML, b"Subject: x\nContent-Type: multipart/mixed\n\nwords", READY)
    yield BadFile("odd-header", Format.EML, b"Subject: =?utf-8?q?=\nFrom: <<>>,\nTo: (((((\nDate: x\n\nwords", READY)
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(300))
    yield BadFile("deep-parts", Format.EML, b"Subject: x\n" + nested, None)


def _pdf() -> Iterator[BadFile]:
    good = GOOD[Format.PDF]
    yield BadFile("locked", Format.PDF, make_pdf("T\nx", password="secret"), Reason.ENCRYPTED.name)
    yield BadFile("no-page", Format.PDF, make_pdf(), None)
    yield BadFile("blank-page", Format.PDF, make_pdf(""), None)
    yield BadFile("no-end", Format.PDF, good.replace(b"%%EOF", b""), Reason.DAMAGED.name)
    yield BadFile("no-objects", Format.PDF, good.replace(b"endobj", b""), None)
    yield BadFile("wrong-length", Format.PDF, good.replace(b"/Length ", b"/Length 9999999 % "), None)
    yield BadFile("own-parent", Format.PDF, good.replace(b"/Kids [", b"/Kids [1 0 R 1 0 R "), None)
    yield BadFile("scan", Format.PDF, make_scan(""), None)
    yield BadFile("deep-arrays", Format.PDF, b"%PDF-1.7\n" + b"[" * 200_000 + b"\n%%EOF", Reason.DAMAGED.name)


def _office() -> Iterator[BadFile]:
    for kind, part in _PART.items():
        good = GOOD[kind]
        yield BadFile(f"locked-{kind}", kind, OLE_MAGIC + bytes(600), Reason.ENCRYPTED.name)
        yield BadFile(f"other-zip-{kind}", kind, GOOD[Format.ZIP], Reason.NOT_OFFICE.name)
        yield BadFile(f"bomb-{kind}", kind, make_zip({part: b"", "x": bytes(ARCHIVE_BYTES + 1)}), Reason.TOO_LARGE.name)
        laughs = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
        yield BadFile(f"entities-{kind}", kind, make_zip({part: laughs}), Reason.ENTITIES.name)
        yield BadFile(f"no-xml-{kind}", kind, replaced(good, lambda _, data: data[: len(data) // 2]), None)
        yield BadFile(f"wrong-root-{kind}", kind, _with_part(good, part, b"<a/>"), None)
        only = {part: zipfile.ZipFile(io.BytesIO(good)).read(part)}
        yield BadFile(f"only-main-{kind}", kind, make_zip(only), None)
    for other in ("word/styles.xml", "_rels/.rels"):
        yield BadFile(f"without-{other}", Format.DOCX, _with_part(GOOD[Format.DOCX], other, None), None)
    bad_cells = replaced(GOOD[Format.XLSX], lambda _, data: data.replace(b't="s"', b't="s" s="99999"'))
    yield BadFile("bad-styles-xlsx", Format.XLSX, bad_cells, None)
    far = replaced(GOOD[Format.XLSX], lambda _, data: data.replace(b'r="A1"', b'r="ZZZZZZ99999999999"'))
    yield BadFile("far-cells-xlsx", Format.XLSX, far, None)


def _archives() -> Iterator[BadFile]:
    yield BadFile("no-file", Format.ZIP, make_zip({}), Reason.NO_MEMBERS.name)
    yield BadFile("nested", Format.ZIP, make_zip({"a.zip": GOOD[Format.ZIP]}), Reason.NO_MEMBERS.name)
    yield BadFile("programs", Format.ZIP, make_zip({"a.exe": b"MZ", "b.dll": b"MZ"}), Reason.NO_MEMBERS.name)
    yield BadFile("outside", Format.ZIP, make_zip({"../a.txt": b"x", "b.txt": b"x"}), Reason.DAMAGED.name)
    yield BadFile("bomb", Format.ZIP, make_zip({"a.txt": bytes(ARCHIVE_BYTES + 1)}), Reason.TOO_LARGE.name)
    crowd = {f"{number}": b"" for number in range(ARCHIVE_ENTRIES + 1)}
    yield BadFile("crowd", Format.ZIP, make_zip(crowd), Reason.TOO_LARGE.name)
    many = {f"{number}.txt": b"x" for number in range(MEMBERS + 1)}
    yield BadFile("many", Format.ZIP, make_zip(many), Reason.TOO_LARGE.name)
    one_bad = {"a.pdf": b"%PDF-1.7", "b.docx": b"PK\x03\x04", "c.txt": b"fine"}
    yield BadFile("one-good", Format.ZIP, make_zip(one_bad), READY)
    locked = bytearray(GOOD[Format.ZIP])
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    yield BadFile("locked-zip", Format.ZIP, bytes(locked), Reason.ENCRYPTED.name)
    wrong = bytearray(GOOD[Format.ZIP])
    wrong[30 + len("leave.md")] ^= 0xFF
    yield BadFile("bad-member", Format.ZIP, bytes(wrong), READY)
    yield BadFile("twice", Format.ZIP, duplicated(GOOD[Format.ZIP]), Reason.DAMAGED.name)
    yield BadFile("link", Format.ZIP, _linked(), Reason.DAMAGED.name)
    yield BadFile("unknown-method", Format.ZIP, _of_method(GOOD[Format.ZIP], 99), None)


def _pictures() -> Iterator[BadFile]:
    huge = io.BytesIO()
    Image.new("1", (10_000, PICTURE_PIXELS // 10_000 + 1)).save(huge, "PNG")
    yield BadFile("huge-picture", Format.PNG, huge.getvalue(), Reason.TOO_LARGE.name)
    yield BadFile("other-picture", Format.PNG, GOOD[Format.JPEG], None)
    dot = io.BytesIO()
    Image.new("RGBA", (1, 1)).save(dot, "PNG")
    yield BadFile("one-pixel", Format.PNG, dot.getvalue(), None)
    tall = bytearray(GOOD[Format.PNG])
    tall[16:24] = b"\x7f\xff\xff\xff" * 2
    yield BadFile("lying-size", Format.PNG, bytes(tall), None)


def duplicated(data: bytes) -> bytes:
    """The archive with its first member twice."""
    import warnings

    file = io.BytesIO(data)
    with warnings.catch_warnings(), zipfile.ZipFile(file, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(archive.namelist()[0], b"other")
    return file.getvalue()


def _linked() -> bytes:
    link = zipfile.ZipInfo("a.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    return file.getvalue()


def _of_method(data: bytes, method: int) -> bytes:
    changed = bytearray(data)
    for magic, offset in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
        place = changed.index(magic)
        changed[place + offset : place + offset + 2] = method.to_bytes(2, "little")
    return bytes(changed)
