"""Zip archives, and the Office documents that are some: judged by their directory before anything is unpacked."""

import stat
import zipfile
import zlib
from pathlib import Path

from chatapp.retrieval.formats import OLE_MAGIC
from chatapp.retrieval.parsing import ParsingError, Reason
from chatapp.retrieval.parsing.budget import current_budget

# What reading a broken member raises.
BAD_MEMBER = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError)
_DECLARATIONS = (b"<!DOCTYPE", b"<!ENTITY")


def check_archive(path: Path) -> None:
    """Refuses what is not a whole, harmless archive; what it holds comes off the budget of the upload.

    Raises ParsingError: ENCRYPTED, DAMAGED, TOO_LARGE.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive)
    except BAD_MEMBER:
        raise ParsingError(Reason.DAMAGED) from None


def check_office(path: Path, *, part: str) -> None:
    """`part` is what makes it that kind of document. Raises also ParsingError: NOT_OFFICE, ENTITIES."""
    with path.open("rb") as file:
        if file.read(len(OLE_MAGIC)) == OLE_MAGIC:  # what a password turns an Office file into
            raise ParsingError(Reason.ENCRYPTED)
    check_archive(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if part not in archive.namelist():
                raise ParsingError(Reason.NOT_OFFICE)
            for entry in archive.infolist():
                if entry.filename.endswith((".xml", ".rels", ".vml")):
                    _check_declarations(archive, entry)
    except BAD_MEMBER:
        raise ParsingError(Reason.DAMAGED) from None


def _check_entries(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    current_budget().spend_archive(unpacked=sum(entry.file_size for entry in entries), entries=len(entries))
    if len({entry.filename for entry in entries}) != len(entries) or any(_leads_out(entry) for entry in entries):
        raise ParsingError(Reason.DAMAGED)
    if any(entry.flag_bits & 1 for entry in entries):
        raise ParsingError(Reason.ENCRYPTED)


def _leads_out(entry: zipfile.ZipInfo) -> bool:
    """To another place, on any system: upwards, absolute, with a drive, or through a link."""
    name = entry.filename
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return is_link or name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/")


def _check_declarations(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """A declaration may stand behind any number of comments."""
    before = b""
    with archive.open(entry) as part:
        while data := part.read(65536):
            seen = before + data.replace(b"\x00", b"")  # UTF-16 hides nothing
            if any(declaration in seen for declaration in _DECLARATIONS):
                raise ParsingError(Reason.ENTITIES)
            before = seen[-len(_DECLARATIONS[0]) :]
