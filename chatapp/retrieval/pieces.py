"""One block in pieces that fit a passage, each with the lines of the page that it covers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from chatapp.retrieval.parsing import Block, BlockKind, Box

# Where a box says how many characters its line covers.
_CHARACTERS = 5


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    boxes: list[Box] = field(default_factory=list)
    is_prose: bool = True


def pieces_of(block: Block, limit: int) -> list[Piece]:
    is_prose = block.kind is BlockKind.TEXT
    if len(block.text) <= limit:
        return [Piece(block.text, _covered(block.boxes, 0, len(block.text)), is_prose=is_prose)]
    if block.kind is BlockKind.TABLE:
        parts = _split_table(block.text, limit)
    elif block.kind is BlockKind.CODE:
        parts = _pack_lines(block.text.split("\n"), limit=limit)
    else:
        parts = _split_prose(block.text, limit)
    return [Piece(text, _covered(block.boxes, start, end), is_prose=is_prose) for text, start, end in parts]


# A part's text, and from which to which character of the block it stands.
_Part = tuple[str, int, int]


def _split_prose(text: str, limit: int) -> Iterator[_Part]:
    from semantic_text_splitter import MarkdownSplitter

    for start, part in MarkdownSplitter(limit).chunk_indices(text):
        yield part, start, start + len(part)


def _split_table(table: str, limit: int) -> Iterator[_Part]:
    header, rule, *rows = table.split("\n")
    head = f"{header}\n{rule}\n"
    if len(head) > limit // 2:  # a header this wide repeats nothing useful
        yield from _split_prose(table, limit)
        return
    for part, start, end in _pack_lines(rows, limit=limit - len(head)):
        yield head + part, start + len(head), end + len(head)


def _pack_lines(lines: Sequence[str], *, limit: int) -> Iterator[_Part]:
    """Lines joined up to `limit`; a longer line is cut."""
    held, start, position = "", 0, 0
    for line in lines:
        for offset in range(0, max(len(line), 1), limit):
            part = line[offset : offset + limit]
            if held and len(held) + 1 + len(part) > limit:
                yield held, start, start + len(held)
                held = ""
            if held:
                held = f"{held}\n{part}"
            else:
                held, start = part, position + offset
        position += len(line) + 1
    if held:
        yield held, start, start + len(held)


def _covered(boxes: Sequence[Box], start: int, end: int) -> list[Box]:
    """The boxes of the characters from `start` to `end`; of a line that is cut, the share of its width."""
    covered = []
    begin = 0
    for box in boxes:
        length = box[_CHARACTERS]
        first, last = max(start, begin), min(end, begin + length)
        if first < last:
            covered.append(_clipped(box, (first - begin) / length, (last - begin) / length))
        begin += length
    return covered


def _clipped(box: Box, first: float, last: float) -> Box:
    page, left, top, right, bottom = box[:_CHARACTERS]
    width = right - left
    return [page, left + round(width * first), top, left + round(width * last), bottom]
