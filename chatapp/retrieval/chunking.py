"""From blocks to passages: along headings, tables by rows under their header, prose at sentence ends."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath

from chatapp.retrieval.parsing import Block, BlockKind, Parsed

# About 115 words or 150 tokens: three passages must stay near 450 tokens, because a 1.5B model on two CPU
# cores reads about 80 tokens a second. MiniLM itself sees 256 tokens, heading included.
MAX_CHARACTERS = 700
# A file of more passages takes a CPU more than ten minutes to embed.
MAX_PASSAGES = 20_000
HEADING_SEPARATOR = " › "  # noqa: RUF001 (it is meant)
HEADING_MAX_CHARACTERS = 300
_ITEM = re.compile(r"(?:[-*•]|\d{1,3}[.)]) ")


@dataclass(frozen=True, slots=True)
class Passage:
    ordinal: int
    page: int | None
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class _Section:
    heading: tuple[str, ...]
    page: int | None
    blocks: list[Block]


def split_document(parsed: Parsed, *, name: str) -> list[Passage]:
    title = parsed.title or _title_of(parsed.blocks) or PurePosixPath(name).stem.replace("_", " ").replace("-", " ")
    passages: list[Passage] = []
    for section in _sections(parsed.blocks):
        heading = _join_heading(title, section.heading)
        for text in _pack(piece for block in section.blocks for piece in _pieces(block)):
            passages.append(Passage(len(passages), section.page, heading, text))
    return passages


def _title_of(blocks: Sequence[Block]) -> str:
    first = next(iter(blocks), None)
    return first.text if first and first.kind is BlockKind.HEADING else ""


def _join_heading(title: str, path: tuple[str, ...]) -> str:
    parts = path if path[:1] == (title,) else (title, *path)
    return HEADING_SEPARATOR.join(part for part in parts if part)[:HEADING_MAX_CHARACTERS]


def _sections(blocks: Sequence[Block]) -> Iterator[_Section]:
    """Runs of blocks under the same headings on the same page."""
    stack: list[Block] = []
    body: list[tuple[tuple[str, ...], Block]] = []
    for block in blocks:
        if block.kind is BlockKind.HEADING:
            stack = [*(held for held in stack if held.level < block.level), block]
        else:
            body.append((tuple(held.text for held in stack), block))
    for (heading, page), run in groupby(body, key=lambda pair: (pair[0], pair[1].page)):
        yield _Section(heading, page, [block for _, block in run])


def _pieces(block: Block) -> list[str]:
    if len(block.text) <= MAX_CHARACTERS:
        return [block.text]
    if block.kind is BlockKind.TABLE:
        return _split_table(block.text)
    if block.kind is BlockKind.CODE:
        return list(_pack_lines(block.text.split("\n"), limit=MAX_CHARACTERS))
    return _split_prose(block.text)


def _split_prose(text: str) -> list[str]:
    from semantic_text_splitter import MarkdownSplitter

    return list(MarkdownSplitter(MAX_CHARACTERS).chunks(text))


def _split_table(table: str) -> list[str]:
    header, rule, *rows = table.split("\n")
    head = f"{header}\n{rule}\n"
    if len(head) > MAX_CHARACTERS // 2:  # a header this wide repeats nothing useful
        return _split_prose(table)
    return [head + part for part in _pack_lines(rows, limit=MAX_CHARACTERS - len(head))]


def _pack_lines(lines: Sequence[str], *, limit: int) -> Iterator[str]:
    """Lines joined up to `limit`; a longer line is cut."""
    held = ""
    for line in (part for long in lines for part in _cut(long, limit)):
        if held and len(held) + 1 + len(line) > limit:
            yield held
            held = line
        else:
            held = f"{held}\n{line}" if held else line
    if held:
        yield held


def _cut(line: str, limit: int) -> list[str]:
    return [line[start : start + limit] for start in range(0, max(len(line), 1), limit)]


def _pack(pieces: Iterator[str]) -> Iterator[str]:
    """Neighbouring pieces of one section in one passage while they fit."""
    held = ""
    for piece in pieces:
        if held and len(held) + 2 + len(piece) > MAX_CHARACTERS:
            yield held
            held = piece
        else:
            held += (_gap(held, piece) if held else "") + piece
    if held:
        yield held


def _gap(held: str, piece: str) -> str:
    """Items of one list, which some formats give one by one, stay together."""
    in_list = _ITEM.match(held.rpartition("\n")[2]) and _ITEM.match(piece)
    return "\n" if in_list else "\n\n"
