"""What the pages show of a document. Text of documents is only ever escaped, never rendered as HTML of its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from chatapp.retrieval.models import Chunk

_ROW = re.compile(r"\s*\|.*\|\s*")
_RULE = re.compile(r"\s*\|(?:\s*:?-+:?\s*\|)+\s*")
_CELL_END = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Either running text or a table whose first row is its header."""

    text: str = ""
    rows: list[list[str]] = field(default_factory=list)


def passages_of(chunks: Sequence[Chunk]) -> list[tuple[Chunk, list[TextBlock]]]:
    return [(chunk, text_blocks(chunk.text)) for chunk in chunks]


def text_blocks(text: str) -> list[TextBlock]:
    """Pipe tables apart from the text around them."""
    blocks: list[TextBlock] = []
    lines = text.split("\n")
    while lines:
        is_table = len(lines) > 1 and bool(_ROW.fullmatch(lines[0]) and _RULE.fullmatch(lines[1]))
        length = next((index for index, line in enumerate(lines) if not _ROW.fullmatch(line)), len(lines))
        if is_table:
            blocks.append(TextBlock(rows=[_cells(line) for line in (lines[0], *lines[2:length])]))
        else:
            length = max(length, 1)
            before = blocks.pop().text + "\n" if blocks and not blocks[-1].rows else ""
            blocks.append(TextBlock(text=before + "\n".join(lines[:length])))
        lines = lines[length:]
    return [TextBlock(block.text.strip("\n"), block.rows) for block in blocks if block.rows or block.text.strip()]


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _CELL_END.split(line.strip()[1:-1])]
