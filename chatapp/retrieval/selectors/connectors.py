"""Connectors, their syncs and their items, for owners of collections: nobody else knows that they exist."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.paginator import Page, Paginator
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.retrieval.models import AccessRole, Collection, CollectionAccess, Connector, Document, SyncedItem, SyncRun

RUNS_LISTED = 10
ITEMS_PER_PAGE = 50


def list_connectors_for(user: User | AnonymousUser, collection: Collection | None = None) -> QuerySet[Connector]:
    """By name, with `document_count`, `last_status` and `last_finished_at` of the newest sync."""
    if not isinstance(user, User) or not user.is_active:
        return Connector.objects.none()
    owned = CollectionAccess.objects.filter(group__user=user, role=AccessRole.OWNER).values("collection")
    last = SyncRun.objects.filter(connector=OuterRef("pk")).order_by("-created_at", "-id")
    documents = Document.objects.filter(connector=OuterRef("pk")).order_by().values("connector")
    connectors = (
        Connector.objects.filter(Q(collection__created_by=user) | Q(collection__in=owned))
        .filter(deleted_at=None, collection__deleted_at=None)
        .select_related("collection", "created_by")
        .annotate(
            document_count=Subquery(documents.annotate(total=Count("pk")).values("total")),
            last_status=Subquery(last.values("status")[:1]),
            last_finished_at=Subquery(last.values("finished_at")[:1]),
            last_error=Subquery(last.values("error")[:1]),
        )
        .order_by("name", "id")
    )
    return connectors.filter(collection=collection) if collection else connectors


def get_connector_for(user: User | AnonymousUser, connector_id: UUID) -> Connector:
    """Raises ChatappError("not_found")."""
    connector = list_connectors_for(user).filter(pk=connector_id).first()
    if connector is None:
        raise ChatappError("not_found")
    return connector


def list_runs_for(user: User | AnonymousUser, connector: Connector) -> list[SyncRun]:
    """The newest first."""
    runs = SyncRun.objects.filter(connector=connector, connector__in=list_connectors_for(user).values("pk"))
    return list(runs.select_related("started_by")[:RUNS_LISTED])


def page_of_failed_items_for(user: User | AnonymousUser, connector: Connector, *, page: int) -> Page[SyncedItem]:
    """What could not be read at the last sync. A page past the end is the last one."""
    items = SyncedItem.objects.filter(connector=connector, connector__in=list_connectors_for(user).values("pk"))
    return Paginator(items.exclude(error="").order_by("key", "id"), ITEMS_PER_PAGE).get_page(page)
