"""Plain text: paragraphs at blank lines; an underlined line is a heading."""

import re
from pathlib import Path

from chatapp.retrieval.parsing import Block, BlockKind, Parsed
from chatapp.retrieval.parsing.cleaning import clean, decode

_UNDERLINE = re.compile(r"=={2,}|--{2,}|~~{2,}")
_HEADING_MAX_CHARACTERS = 120


def parse(path: Path) -> Parsed:
    return parse_text(clean(decode(path.read_bytes())))


def parse_text(text: str) -> Parsed:
    """Of clean text."""
    paragraphs = (paragraph.strip("\n") for paragraph in text.split("\n\n"))
    return Parsed(blocks=[block for paragraph in paragraphs if paragraph.strip() for block in _blocks(paragraph)])


def _blocks(paragraph: str) -> list[Block]:
    first, _, rest = paragraph.partition("\n")
    underline, _, body = rest.partition("\n")
    if not _UNDERLINE.fullmatch(underline.strip()) or len(first) > _HEADING_MAX_CHARACTERS:
        return [Block(BlockKind.TEXT, paragraph)]
    heading = Block(BlockKind.HEADING, first.strip(), level=1 if underline.startswith("=") else 2)
    return [heading, Block(BlockKind.TEXT, body)] if body.strip() else [heading]
