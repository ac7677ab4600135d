"""What the knowledge templates show. Text of documents is only ever escaped, never rendered as HTML of its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.core.paginator import Page

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.retrieval import selectors
from chatapp.retrieval.models import AccessRole, Chunk, Collection, Document

_ROW = re.compile(r"\s*\|.*\|\s*")
_RULE = re.compile(r"\s*\|(?:\s*:?-+:?\s*\|)+\s*")
_CELL_END = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Shelf:
    """A collection as one user sees it, with one page of its documents."""

    collection: Collection
    role: AccessRole
    documents: Page[Document]
    may_upload: bool
    is_busy: bool
    may_delete: bool


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Either running text or a table whose first row is its header."""

    text: str = ""
    rows: list[list[str]] = field(default_factory=list)


def shelf_of(user: User, collection: Collection, *, page: int = 1) -> Shelf:
    """Raises ChatappError("not_found") when the user may not read the collection."""
    role = selectors.role_of(user, collection)
    if role is None:
        raise ChatappError("not_found")
    return Shelf(
        collection=collection,
        role=role,
        documents=selectors.page_of_documents_for(user, collection, page=page),
        may_upload=can(user, "retrieval.upload_document", collection),
        is_busy=selectors.has_unfinished_documents(user, collection),
        may_delete=can(user, "retrieval.delete_document", collection),
    )


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
