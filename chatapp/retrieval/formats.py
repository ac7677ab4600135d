"""Decides what an uploaded file is, by name, declared type and first bytes. Light enough for the web process."""

from enum import StrEnum
from pathlib import PurePosixPath

from chatapp.errors import ChatappError

HEAD_BYTES = 1024
PDF_MAGIC = b"%PDF-"
ZIP_MAGIC = b"PK\x03\x04"
# An Office file with a password is an OLE container, not a zip; the parser says so in a sentence.
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


class Format(StrEnum):
    TXT = "txt"
    MD = "md"
    PDF = "pdf"
    DOCX = "docx"


MEDIA_TYPES = {
    Format.TXT: "text/plain",
    Format.MD: "text/markdown",
    Format.PDF: "application/pdf",
    Format.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_EXTENSIONS = {
    ".txt": Format.TXT,
    ".text": Format.TXT,
    ".md": Format.MD,
    ".markdown": Format.MD,
    ".pdf": Format.PDF,
    ".docx": Format.DOCX,
}
_TEXT = frozenset({Format.TXT, Format.MD})
_UNDECLARED = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_DECLARED = {
    "application/pdf": frozenset({Format.PDF}),
    MEDIA_TYPES[Format.DOCX]: frozenset({Format.DOCX}),
    # What browsers without an Office installation declare.
    "application/zip": frozenset({Format.DOCX}),
    "application/x-zip-compressed": frozenset({Format.DOCX}),
}


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
    if declared.startswith("text/"):
        return _TEXT
    return _DECLARED.get(declared, frozenset())


def _formats_of_content(head: bytes) -> frozenset[Format]:
    if PDF_MAGIC in head:
        return frozenset({Format.PDF})
    if head.startswith((ZIP_MAGIC, OLE_MAGIC)):
        return frozenset({Format.DOCX})
    return _TEXT
