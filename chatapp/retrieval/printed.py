"""A page of a PDF beside its text: which lines of it belong to a passage."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse

from chatapp.retrieval.formats import MEDIA_TYPES, Format
from chatapp.retrieval.models import Chunk, DocumentVersion
from chatapp.retrieval.rendering import TextBlock, passages_of


@dataclass(frozen=True, slots=True)
class Box:
    """In 1/10000 of the page."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PrintedPage:
    version: DocumentVersion
    page: int
    passages: list[tuple[Chunk, list[TextBlock]]]
    marked: Chunk | None
    boxes: list[Box]

    @property
    def previous_url(self) -> str:
        return self._url(self.page - 1) if self.page > 1 else ""

    @property
    def next_url(self) -> str:
        return self._url(self.page + 1) if self.page < (self.version.pages or 0) else ""

    def _url(self, page: int) -> str:
        """The mark goes along: a passage may run over the end of a page."""
        marked = f"?passage={self.marked.ordinal}" if self.marked else ""
        return page_url(self.version, page) + marked


def page_url(version: DocumentVersion, page: int) -> str:
    return reverse("document_page", args=[version.document_id, version.number, page])


def marked_page_url(version: DocumentVersion, chunk: Chunk) -> str:
    """The page where the passage begins, with its lines marked; "" where the file has no pages to draw."""
    if not is_printed(version) or chunk.page is None:
        return ""
    return f"{page_url(version, chunk.page)}?passage={chunk.ordinal}"


def is_printed(version: DocumentVersion) -> bool:
    return version.media_type == MEDIA_TYPES[Format.PDF] and bool(version.pages)


def printed_page(
    version: DocumentVersion, page: int, chunks: Sequence[Chunk], *, passage: int | None = None
) -> PrintedPage:
    """`passage` is the ordinal of the one to mark; one that is not among the chunks is none."""
    marked = next((chunk for chunk in chunks if chunk.ordinal == passage), None)
    on_page = [chunk for chunk in chunks if chunk.page == page or boxes_on(chunk, page)]
    return PrintedPage(version, page, passages_of(on_page), marked, boxes_on(marked, page) if marked else [])


def boxes_on(chunk: Chunk, page: int) -> list[Box]:
    return [
        Box(left, top, right - left, bottom - top)
        for of_page, left, top, right, bottom, *_ in chunk.boxes
        if of_page == page and left < right and top < bottom
    ]
