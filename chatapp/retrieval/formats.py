"""Decides what an uploaded file is, by name, declared type and first bytes. Light enough for the web process."""

from enum import StrEnum
from pathlib import PurePosixPath

from chatapp.errors import ChatappError

HEAD_BYTES = 1024
# An Office file with a password is an OLE container, not a zip; the parser says so in a sentence.
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Format(StrEnum):
    TXT = "txt"
    MD = "md"
    HTML = "html"
    CSV = "csv"
    EML = "eml"
    PDF = "pdf"
    DOCX = "docx"
    PPTX = "pptx"
    XLSX = "xlsx"
    ZIP = "zip"
    PNG = "png"
    JPEG = "jpeg"
    TIFF = "tiff"


_OFFICE = "application/vnd.openxmlformats-officedocument"
MEDIA_TYPES = {
    Format.TXT: "text/plain",
    Format.MD: "text/markdown",
    Format.HTML: "text/html",
    Format.CSV: "text/csv",
    Format.EML: "message/rfc822",
    Format.PDF: "application/pdf",
    Format.DOCX: f"{_OFFICE}.wordprocessingml.document",
    Format.PPTX: f"{_OFFICE}.presentationml.presentation",
    Format.XLSX: f"{_OFFICE}.spreadsheetml.sheet",
    Format.ZIP: "application/zip",
    Format.PNG: "image/png",
    Format.JPEG: "image/jpeg",
    Format.TIFF: "image/tiff",
}
_EXTENSIONS = {
    ".txt": Format.TXT,
    ".text": Format.TXT,
    ".md": Format.MD,
    ".markdown": Format.MD,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".xhtml": Format.HTML,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".eml": Format.EML,
    ".pdf": Format.PDF,
    ".docx": Format.DOCX,
    ".pptx": Format.PPTX,
    ".xlsx": Format.XLSX,
    ".zip": Format.ZIP,
    ".png": Format.PNG,
    ".jpg": Format.JPEG,
    ".jpeg": Format.JPEG,
    ".tif": Format.TIFF,
    ".tiff": Format.TIFF,
}
# For the `accept` of a file input.
ACCEPTED_EXTENSIONS = ",".join(_EXTENSIONS)
_TEXT = frozenset({Format.TXT, Format.MD, Format.HTML, Format.CSV, Format.EML})
_OFFICE_ZIPS = frozenset({Format.DOCX, Format.PPTX, Format.XLSX})
_ZIPS = _OFFICE_ZIPS | {Format.ZIP}
_UNDECLARED = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_DECLARED = {
    **{media_type: frozenset({kind}) for kind, media_type in MEDIA_TYPES.items() if kind not in _TEXT},
    "text/html": frozenset({Format.HTML}),
    "application/xhtml+xml": frozenset({Format.HTML}),
    "message/rfc822": frozenset({Format.EML}),
    # What browsers declare on machines with Excel.
    "application/vnd.ms-excel": frozenset({Format.CSV}),
    # What browsers without an Office installation declare.
    "application/zip": _ZIPS,
    "application/x-zip-compressed": _ZIPS,
    "image/jpg": frozenset({Format.JPEG}),
}
_MAGIC = (
    (b"PK\x03\x04", _ZIPS),
    (b"PK\x05\x06", frozenset({Format.ZIP})),  # an empty one
    (OLE_MAGIC, _OFFICE_ZIPS),
    (b"\x89PNG\r\n\x1a\n", frozenset({Format.PNG})),
    (b"\xff\xd8\xff", frozenset({Format.JPEG})),
    (b"II*\x00", frozenset({Format.TIFF})),
    (b"MM\x00*", frozenset({Format.TIFF})),
)


def detect_format(*, name: str, media_type: str, head: bytes) -> Format:
    """Raises ChatappError("file_type") when name, declared type and content do not agree on one of the formats."""
    suffix = PurePosixPath(name).suffix.lower()
    declared = media_type.partition(";")[0].strip().lower()
    seen = _formats_of_content(head)
    possible = frozenset({_EXTENSIONS[suffix]}) if suffix in _EXTENSIONS else seen
    if suffix and suffix not in _EXTENSIONS:
        possible = frozenset()
    possible &= _formats_of_declaration(declared)
    if head:  # an empty file is accepted here and fails with its own sentence
        possible &= seen
    for candidate in Format:
        if candidate in possible:
            return candidate
    raise ChatappError("file_type", name=name)


def format_of_media_type(media_type: str) -> Format:
    """The inverse of MEDIA_TYPES."""
    return next(candidate for candidate, known in MEDIA_TYPES.items() if known == media_type)


def _formats_of_declaration(declared: str) -> frozenset[Format]:
    if declared in _UNDECLARED:
        return frozenset(Format)
    known = _DECLARED.get(declared)
    if known is None and declared.startswith("text/"):
        return _TEXT
    return known or frozenset()


def _formats_of_content(head: bytes) -> frozenset[Format]:
    if b"%PDF-" in head:
        return frozenset({Format.PDF})
    return next((kinds for magic, kinds in _MAGIC if head.startswith(magic)), _TEXT)
