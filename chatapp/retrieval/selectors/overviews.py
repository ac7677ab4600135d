"""Collections in numbers, for one user: what the list of them shows, in one statement however many there are."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, F, IntegerField, Max, Model, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from chatapp.accounts.models import User
from chatapp.retrieval.models import (
    AccessRole,
    Chunk,
    Collection,
    CollectionAccess,
    Document,
    DocumentStatus,
    DocumentVersion,
)
from chatapp.retrieval.selectors.collections import list_collections_for

COLLECTIONS_PER_PAGE = 50
# In the order of their strength, from 1 on.
_ROLES = (AccessRole.READER, AccessRole.EDITOR, AccessRole.OWNER)
UNFINISHED = (DocumentStatus.WAITING, DocumentStatus.PROCESSING)


@dataclass(frozen=True, slots=True)
class Overview:
    """A collection as one user sees it in a list. `quarantined` passages wait for an owner."""

    collection: Collection
    role: AccessRole
    documents: int
    unfinished: int
    failed: int
    quarantined: int

    @property
    def read(self) -> int:
        """Documents whose reading has ended, well or not."""
        return self.documents - self.unfinished

    @property
    def may_edit(self) -> bool:
        return self.role != AccessRole.READER


@dataclass(frozen=True, slots=True)
class Extent:
    """What goes with a collection that is deleted."""

    documents: int
    versions: int
    passages: int
    size: int


def page_of_overviews_for(user: User | AnonymousUser, *, search: str = "", page: int = 1) -> Page[Any]:
    """Overviews, first of where the user may upload, then by name; `search` is looked for in names."""
    visible = list_collections_for(user)
    if search:
        visible = visible.filter(Q(name__icontains=search) | Q(slug__icontains=search))
    strength = _strength(user)
    ordered = visible.annotate(strength=strength, edits=Case(When(strength__gt=1, then=0), default=1)).order_by(
        "edits", "name", "id"
    )
    found: Page[Any] = Paginator(ordered.annotate(**_counts()), COLLECTIONS_PER_PAGE).get_page(page)
    found.object_list = [_overview(collection) for collection in found.object_list]
    return found


def overview_of(user: User | AnonymousUser, collection: Collection) -> Overview | None:
    """None where the user may not read it."""
    found = list_collections_for(user).filter(pk=collection.pk).annotate(strength=_strength(user), **_counts()).first()
    return _overview(found) if found else None


def grants_of(collection: Collection) -> dict[str, str]:
    """For its owner: roles by the names of groups."""
    return dict(collection.access.values_list("group__name", "role"))


def extent_of(collection: Collection) -> Extent:
    """For its owner, who is asked before it is deleted."""
    versions = DocumentVersion.objects.filter(document__collection=collection)
    return Extent(
        documents=collection.documents.count(),
        versions=versions.count(),
        passages=Chunk.objects.filter(collection=collection).count(),
        size=versions.aggregate(total=Coalesce(Sum("size"), Value(0)))["total"],
    )


def _overview(row: Any) -> Overview:
    return Overview(
        collection=row,
        role=_ROLES[row.strength - 1],
        documents=row.document_count,
        unfinished=row.unfinished_count,
        failed=row.failed_count,
        quarantined=row.quarantined_count,
    )


def _strength(user: User | AnonymousUser) -> Case:
    granted = CollectionAccess.objects.filter(collection=OuterRef("pk"), group__user=user.pk).order_by()
    strongest = granted.annotate(
        strength=Case(*(When(role=role, then=place) for place, role in enumerate(_ROLES, 1)), default=1)
    )
    by_group = Subquery(strongest.values("collection").annotate(top=Max("strength")).values("top"))
    return Case(
        When(created_by=user.pk, then=Value(len(_ROLES))),
        default=Coalesce(by_group, Value(1)),
        output_field=IntegerField(),
    )


def _counts() -> dict[str, Coalesce]:
    documents = Document.objects.filter(collection=OuterRef("pk"))
    quarantined = Chunk.objects.filter(collection=OuterRef("pk"), version__document__current=F("version"))
    return {
        "document_count": _count(documents),
        "unfinished_count": _count(documents.filter(status__in=UNFINISHED)),
        "failed_count": _count(documents.filter(status=DocumentStatus.FAILED)),
        "quarantined_count": _count(quarantined.exclude(quarantine="")),
    }


def _count(rows: QuerySet[Model]) -> Coalesce:
    """A correlated subquery of its own: joins would multiply the rows."""
    total = rows.order_by().values("collection").annotate(total=Count("pk")).values("total")
    return Coalesce(Subquery(total, output_field=IntegerField()), Value(0))
