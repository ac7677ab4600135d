"""Reads a file by its format, and the files inside a file."""

import importlib
import tempfile
from dataclasses import replace
from pathlib import Path

from chatapp.errors import ChatappError
from chatapp.retrieval.formats import HEAD_BYTES, Format, detect_format
from chatapp.retrieval.parsing import Block, BlockKind, Parsed, ParsingError, Reason
from chatapp.retrieval.parsing.budget import current_budget, fresh_budget
from chatapp.retrieval.parsing.cleaning import clean
from chatapp.retrieval.parsing.limits import MEMBER_BYTES, MEMBER_DEPTH

# Not named like modules of the standard library.
_MODULES = {
    Format.HTML: "web",
    Format.CSV: "separated",
    Format.ZIP: "zipped",
    Format.PNG: "picture",
    Format.JPEG: "picture",
    Format.TIFF: "picture",
}
_NAME_MAX_CHARACTERS = 200


def read(kind: Format, path: Path) -> Parsed:
    """An upload, within all its limits. Raises ParsingError."""
    with fresh_budget():
        return _read(kind, path)


def read_member(*, name: str, media_type: str, data: bytes) -> Parsed:
    """A file inside the one that is being read; it spends from the same budget. Raises ParsingError."""
    budget = current_budget()
    if len(data) > MEMBER_BYTES:
        raise ParsingError(Reason.TOO_LARGE)
    try:
        kind = detect_format(name=name, media_type=media_type, head=data[:HEAD_BYTES])
    except ChatappError:
        raise ParsingError(Reason.UNKNOWN_TYPE) from None
    if kind is Format.ZIP or budget.depth >= MEMBER_DEPTH:
        raise ParsingError(Reason.NESTED)
    budget.depth += 1
    try:
        with tempfile.NamedTemporaryFile() as file:  # a name of our own
            file.write(data)
            file.flush()
            return _read(kind, Path(file.name))
    finally:
        budget.depth -= 1


def below_heading(name: str, parsed: Parsed, *, level: int) -> list[Block]:
    """The blocks of a file inside a file, under its name. Its pages are not those of the whole."""
    top = Block(BlockKind.HEADING, shown_name(name), level=level)
    return [top, *(_lowered(block, level + 1) for block in parsed.blocks)]


def shown_name(name: str) -> str:
    return " ".join(clean(name).split())[:_NAME_MAX_CHARACTERS] or "?"


def _lowered(block: Block, by: int) -> Block:
    level = block.level + by if block.kind is BlockKind.HEADING else block.level
    return replace(block, level=level, page=None, boxes=[])


def _read(kind: Format, path: Path) -> Parsed:
    if path.stat().st_size == 0:
        raise ParsingError(Reason.EMPTY)
    module = importlib.import_module(f"chatapp.retrieval.parsing.{_MODULES.get(kind, kind.value)}")
    parsed: Parsed = module.parse(path)
    if kind not in {Format.ZIP, Format.EML}:  # whose files have spent theirs
        current_budget().spend_characters(sum(len(block.text) for block in parsed.blocks))
    if not any(character.isalnum() for block in parsed.blocks for character in block.text):
        raise ParsingError(Reason.NO_TEXT)
    return parsed
