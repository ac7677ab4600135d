"""From blocks to passages: along headings and pages, tables by rows under their header, prose at sentence ends."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, islice
from pathlib import PurePosixPath

from chatapp.retrieval.parsing import Block, BlockKind, Box
from chatapp.retrieval.pieces import Piece, pieces_of

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
    """`section` counts the headings above; `overlap` characters at the start are the end of the one before.

    `boxes` are [page, left, top, right, bottom] of the lines that are its own, where the format has places.
    """

    ordinal: int
    page: int | None
    heading: str
    text: str
    section: int = 0
    overlap: int = 0
    boxes: list[Box] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    section: int
    heading: tuple[str, ...]
    page: int | None


def split_document(
    blocks: Iterable[Block], *, title: str, name: str, size: int = MAX_CHARACTERS, overlap: int = 0
) -> Iterator[Passage]:
    """Passages of at most `size` characters, the first `overlap` of which may repeat the one before.

    Reads the blocks as they come and holds no more than one passage. Tables and code are never repeated.
    """
    coming = iter(blocks)
    first = list(islice(coming, 1))
    title = title or _title_of(first) or PurePosixPath(name).stem.replace("_", " ").replace("-", " ")
    ordinal = 0
    for place, body in groupby(_body(chain(first, coming)), key=lambda pair: pair[0]):
        heading = _join_heading(title, place.heading)
        pieces = (piece for _, block in body for piece in pieces_of(block, size - overlap))
        for packed in _overlapped(_pack(pieces, size - overlap), overlap):
            yield replace(packed, ordinal=ordinal, page=place.page, heading=heading, section=place.section)
            ordinal += 1


def _title_of(first: list[Block]) -> str:
    is_title = bool(first) and first[0].kind is BlockKind.HEADING and first[0].level > 0
    return first[0].text if is_title else ""


def _join_heading(title: str, path: tuple[str, ...]) -> str:
    parts = path if path[:1] == (title,) else (title, *path)
    return HEADING_SEPARATOR.join(part for part in parts if part)[:HEADING_MAX_CHARACTERS]


def _body(blocks: Iterable[Block]) -> Iterator[tuple[_Place, Block]]:
    """What stands under headings, with its place. A heading with nothing under it is text itself."""
    stack: list[Block] = []
    section = 0
    is_bare = False
    for block in blocks:
        if block.kind is not BlockKind.HEADING:
            is_bare = False
            yield _Place(section, _path(stack), block.page), block
            continue
        if is_bare and block.level <= stack[-1].level:
            yield _bare(section, stack)
        stack = [*(held for held in stack if held.level < block.level), block]
        section += 1
        is_bare = True
    if is_bare:
        yield _bare(section, stack)


def _bare(section: int, stack: list[Block]) -> tuple[_Place, Block]:
    last = replace(stack[-1], kind=BlockKind.TEXT)
    return _Place(section, _path(stack), last.page), last


def _path(stack: list[Block]) -> tuple[str, ...]:
    return tuple(held.text for held in stack)


def _pack(pieces: Iterable[Piece], limit: int) -> Iterator[Piece]:
    """Neighbouring pieces of one place in one passage while they fit."""
    held: Piece | None = None
    for piece in pieces:
        if held is None:
            held = piece
        elif len(held.text) + 2 + len(piece.text) > limit:
            yield held
            held = piece
        else:
            text = held.text + _gap(held.text, piece.text) + piece.text
            held = Piece(text, [*held.boxes, *piece.boxes], is_prose=held.is_prose and piece.is_prose)
    if held is not None:
        yield held


def _gap(held: str, piece: str) -> str:
    """Items of one list, which some formats give one by one, stay together."""
    in_list = _ITEM.match(held.rpartition("\n")[2]) and _ITEM.match(piece)
    return "\n" if in_list else "\n\n"


def _overlapped(pieces: Iterable[Piece], overlap: int) -> Iterator[Passage]:
    before: Piece | None = None
    for piece in pieces:
        repeated = ""
        if overlap and before is not None and before.is_prose and piece.is_prose:
            repeated = _tail(before.text, overlap - 1)
        text = f"{repeated} {piece.text}" if repeated else piece.text
        yield Passage(0, None, "", text, overlap=len(text) - len(piece.text), boxes=piece.boxes)
        before = piece


def _tail(text: str, length: int) -> str:
    """The end of a text, from the beginning of a word."""
    if len(text) <= length:
        return text
    tail = text[-length:] if length > 0 else ""
    return tail if text[-length - 1].isspace() else tail.partition(" ")[2]
