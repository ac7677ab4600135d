"""A zip archive is one document: the path of each file in it is a heading, its text stands below."""

import zipfile
from pathlib import Path

from chatapp.retrieval.parsing import Block, Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.archives import BAD_MEMBER, check_archive
from chatapp.retrieval.parsing.limits import MEMBER_BYTES, MEMBERS
from chatapp.retrieval.parsing.members import Members

# What systems add by themselves.
_SYSTEM = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


def parse(path: Path) -> Parsed:
    check_archive(path)
    members = Members("file")
    blocks: list[Block] = []
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_of_system(entry.filename)]
        if len(entries) > MEMBERS:
            raise ParsingError(Reason.TOO_LARGE)
        for entry in entries:
            blocks += members.read(name=entry.filename, media_type="", data=_unpacked(archive, entry), level=0)
    if not blocks:
        raise ParsingError(Reason.NO_MEMBERS)
    return Parsed(blocks=blocks, notes=members.notes())


def _is_of_system(name: str) -> bool:
    return name.startswith(_SYSTEM[0]) or name.endswith(_SYSTEM[1:])


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | Reason:
    """Never more than the directory declared, which the budget was charged with."""
    if entry.file_size > MEMBER_BYTES:
        return Reason.TOO_LARGE
    try:
        return archive.read(entry)
    except BAD_MEMBER:
        return Reason.DAMAGED
