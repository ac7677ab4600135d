from collections.abc import Iterable

from chatapp.demo.blocks import Block, Code, Heading, Listing, Paragraph, Table, plain

UNDERLINES = {1: "=", 2: "-"}


def write_text(blocks: Iterable[Block]) -> bytes:
    """UTF-8; a paragraph is one line, a table has aligned columns."""
    return ("\n\n".join("\n".join(_lines(block)) for block in blocks) + "\n").encode()


def _lines(block: Block) -> list[str]:
    match block:
        case Heading(level, text):
            return [text, UNDERLINES.get(level, "~") * len(text)]
        case Paragraph(spans):
            return [plain(spans)]
        case Listing():
            return [f"{marker} {plain(item)}" for marker, item in zip(block.markers(), block.items, strict=True)]
        case Table(rows):
            return _table(rows)
        case Code(text):
            return [f"    {line}" for line in text.splitlines()]


def _table(rows: tuple[tuple[str, ...], ...]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = tuple("-" * width for width in widths)
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (rows[0], rule, *rows[1:])
    ]
