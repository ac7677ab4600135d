"""A collection's documents, as its page lists them: filtered, sorted and in pages."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Page, Paginator
from django.db import models
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery

from chatapp.accounts.models import User
from chatapp.retrieval.models import Chunk, Collection, Document, DocumentStatus
from chatapp.retrieval.selectors.documents import DOCUMENTS_PER_PAGE, list_documents_for


class Sort(models.TextChoices):
    NEWEST = "-created_at", "Newest first"
    OLDEST = "created_at", "Oldest first"
    CHANGED = "-updated_at", "Last changed first"
    NAME = "name", "By name"


class State(models.TextChoices):
    """What a list can be narrowed to; the last two tell of passages that search does not find."""

    WAITING = DocumentStatus.WAITING, "Waiting"
    PROCESSING = DocumentStatus.PROCESSING, "Being read"
    READY = DocumentStatus.READY, "Ready"
    FAILED = DocumentStatus.FAILED, "Failed"
    QUARANTINED = "quarantined", "With passages in quarantine"
    DISABLED = "disabled", "With disabled passages"


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """`name` is looked for in names and folders; "" leaves a part out."""

    name: str = ""
    state: str = ""
    sort: str = Sort.NEWEST.value


def page_of_documents_for(
    user: User | AnonymousUser,
    collection: Collection,
    *,
    page: int,
    wanted: DocumentFilter | None = None,
    size: int = DOCUMENTS_PER_PAGE,
) -> Page[Any]:
    """Of documents; a page past the end is the last one. Rows have `quarantined_count` beside `chunk_count`."""
    wanted = wanted or DocumentFilter()
    documents = list_documents_for(user, collection)
    if wanted.name:
        documents = documents.filter(name__icontains=wanted.name)
    if wanted.state:
        documents = _in_state(documents, wanted.state)
    # The id makes the order whole: no document stands on two pages.
    documents = documents.order_by(wanted.sort, "-id").annotate(quarantined_count=Subquery(_count(_quarantined())))
    return Paginator(documents, size).get_page(page)


def _in_state(documents: QuerySet[Document], state: str) -> QuerySet[Document]:
    if state == State.QUARANTINED:
        return documents.filter(Exists(_quarantined()))
    if state == State.DISABLED:
        return documents.filter(Exists(Chunk.objects.filter(version=OuterRef("current"), is_disabled=True)))
    return documents.filter(status=state)


def _quarantined() -> QuerySet[Chunk]:
    return Chunk.objects.filter(version=OuterRef("current")).exclude(quarantine="")


def _count(chunks: QuerySet[Chunk]) -> QuerySet[Any, Any]:
    return chunks.order_by().values("version").annotate(total=Count("pk")).values("total")
