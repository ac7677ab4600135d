"""A collection as the knowledge pages show it to one user."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.paginator import Page

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.retrieval import selectors
from chatapp.retrieval.formats import ACCEPTED_EXTENSIONS
from chatapp.retrieval.models import AccessRole, Collection
from chatapp.retrieval.selectors import DocumentFilter, Estimate, Overview

# What the list of collections shows of the few that it opens.
OPENED = 3
NEWEST = 10


@dataclass(frozen=True, slots=True)
class Shelf:
    """Numbers of a collection, with one page of its documents. `is_short`: the newest few, without filter and pages."""

    overview: Overview
    documents: Page[Any]
    wanted: DocumentFilter = field(default_factory=DocumentFilter)
    is_short: bool = False
    estimate: Estimate | None = None
    accept: str = ACCEPTED_EXTENSIONS
    max_bytes: int = field(default_factory=lambda: settings.UPLOAD_MAX_BYTES)
    max_files: int = field(default_factory=lambda: settings.COLLECTION_MAX_DOCUMENTS)

    @property
    def collection(self) -> Collection:
        return self.overview.collection

    @property
    def role(self) -> AccessRole:
        return self.overview.role

    @property
    def may_upload(self) -> bool:
        return self.overview.may_edit

    @property
    def may_manage(self) -> bool:
        return self.overview.role == AccessRole.OWNER

    @property
    def is_busy(self) -> bool:
        return self.overview.unfinished > 0

    @property
    def is_filtered(self) -> bool:
        return bool(self.wanted.name or self.wanted.state)

    @property
    def query(self) -> str:
        """Of the list's address, without the page."""
        if self.is_short:
            return urlencode({"short": 1})
        asked = {"name": self.wanted.name, "state": self.wanted.state, "sort": self.wanted.sort}
        return urlencode({key: value for key, value in asked.items() if value})


def shelf_of(
    user: User, collection: Collection, *, page: int = 1, wanted: DocumentFilter | None = None, is_short: bool = False
) -> Shelf:
    """Raises ChatappError("not_found") when the user may not read the collection."""
    overview = selectors.overview_of(user, collection)
    if overview is None:
        raise ChatappError("not_found")
    return _shelf(user, overview, page=page, wanted=wanted, is_short=is_short)


def opened_shelves(user: User, overviews: Page[Overview], *, search: str) -> list[Shelf]:
    """The few collections that the list opens: where documents are uploaded, or all where there are few."""
    if search or overviews.number > 1:
        return []
    few = overviews.paginator.count <= OPENED
    opened = [overview for overview in overviews if few or overview.may_edit][:OPENED]
    return [_shelf(user, overview, is_short=True) for overview in opened]


def _shelf(
    user: User, overview: Overview, *, page: int = 1, wanted: DocumentFilter | None = None, is_short: bool
) -> Shelf:
    wanted = DocumentFilter() if wanted is None or is_short else wanted
    size = NEWEST if is_short else selectors.DOCUMENTS_PER_PAGE
    documents = selectors.page_of_documents_for(user, overview.collection, page=page, wanted=wanted, size=size)
    estimate = selectors.estimate_for(overview.collection) if overview.unfinished else None
    return Shelf(overview=overview, documents=documents, wanted=wanted, is_short=is_short, estimate=estimate)
