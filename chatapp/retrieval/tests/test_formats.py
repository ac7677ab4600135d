import contextlib

import pytest

from chatapp.errors import ChatappError
from chatapp.retrieval.formats import (
    ACCEPTED_EXTENSIONS,
    MEDIA_TYPES,
    OLE_MAGIC,
    Format,
    detect_format,
    format_of_media_type,
)

PDF, DOCX, TEXT = b"%PDF-1.7\n...", b"PK\x03\x04....", b"Plain words"


@pytest.mark.parametrize(
    "name,media_type,head,expected",
    [
        ("a.txt", "text/plain", TEXT, Format.TXT),
        ("a.md", "text/plain; charset=utf-8", TEXT, Format.MD),
        ("A.PDF", "application/octet-stream", PDF, Format.PDF),
        ("a.docx", "", DOCX, Format.DOCX),
        ("a.docx", "application/zip", DOCX, Format.DOCX),
        ("report", "application/octet-stream", PDF, Format.PDF),
        ("notes", "application/octet-stream", TEXT, Format.TXT),
        ("empty.md", "application/octet-stream", b"", Format.MD),
        ("a.csv", "application/vnd.ms-excel", TEXT, Format.CSV),
        ("a.tsv", "text/tab-separated-values", TEXT, Format.CSV),
        ("a.htm", "text/html; charset=utf-8", TEXT, Format.HTML),
        ("a.eml", "message/rfc822", TEXT, Format.EML),
        ("a.zip", "application/x-zip-compressed", DOCX, Format.ZIP),
        ("a.xlsx", MEDIA_TYPES[Format.XLSX], DOCX, Format.XLSX),
        ("a.pptx", "", OLE_MAGIC, Format.PPTX),
        ("a.jpeg", "image/jpeg", b"\xff\xd8\xff\xe0", Format.JPEG),
        ("a.tif", "image/tiff", b"II*\x00", Format.TIFF),
    ],
)
def test_name_type_and_content_decide(name: str, media_type: str, head: bytes, expected: Format) -> None:
    assert detect_format(name=name, media_type=media_type, head=head) is expected


@pytest.mark.parametrize(
    "name,media_type,head",
    [
        ("a.exe", "application/octet-stream", TEXT),
        ("a.png", "image/png", b"\x89PNG\r\n"),
        ("a.svg", "image/svg+xml", TEXT),
        ("a.jpg", "image/jpeg", b"\x89PNG\r\n\x1a\n"),
        ("a.md", "text/html", TEXT),
        ("a.html", "application/pdf", TEXT),
        ("a.zip", "application/zip", PDF),
        ("a.xls", "application/vnd.ms-excel", OLE_MAGIC),
        ("a.docm", "application/octet-stream", DOCX),
        ("a.pdf", "application/pdf", TEXT),
        ("a.txt", "text/plain", PDF),
        ("a.md", "text/markdown", DOCX),
        ("a.docx", "application/octet-stream", PDF),
        ("a.txt", "application/pdf", TEXT),
        ("a.pdf", "text/plain", PDF),
        ("a.pdf", "image/png", PDF),
        ("a.pdf.exe", "application/pdf", PDF),
    ],
)
def test_d09_disagreement_is_refused(name: str, media_type: str, head: bytes) -> None:
    with pytest.raises(ChatappError) as caught:
        detect_format(name=name, media_type=media_type, head=head)
    assert caught.value.code == "file_type"
    assert caught.value.status == 415


@pytest.mark.parametrize("kind", list(Format))
def test_stored_media_type_leads_back(kind: Format) -> None:
    assert format_of_media_type(MEDIA_TYPES[kind]) is kind


def test_each_accepted_extension_is_that_of_a_format() -> None:
    heads = {Format.PDF: PDF, Format.PNG: b"\x89PNG\r\n\x1a\n", Format.JPEG: b"\xff\xd8\xff", Format.TIFF: b"MM\x00*"}
    zips = {Format.DOCX, Format.PPTX, Format.XLSX, Format.ZIP}
    found = set()
    for suffix in ACCEPTED_EXTENSIONS.split(","):
        for head in (*heads.values(), DOCX, TEXT):
            with contextlib.suppress(ChatappError):
                kind = detect_format(name=f"a{suffix}", media_type="", head=head)
                assert head == heads.get(kind, DOCX if kind in zips else TEXT)
                found.add(kind)
    assert found == set(Format)
