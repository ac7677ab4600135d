import pytest

from chatapp.errors import ChatappError
from chatapp.retrieval.formats import MEDIA_TYPES, Format, detect_format, format_of_media_type

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
    ],
)
def test_name_type_and_content_decide(name: str, media_type: str, head: bytes, expected: Format) -> None:
    assert detect_format(name=name, media_type=media_type, head=head) is expected


@pytest.mark.parametrize(
    "name,media_type,head",
    [
        ("a.exe", "application/octet-stream", TEXT),
        ("a.png", "image/png", b"\x89PNG\r\n"),
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
