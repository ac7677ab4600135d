from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.retrieval import selectors, services
from chatapp.retrieval.models import Connector

router = Router(tags=["documents"], auth=BearerKey("documents:read", "documents:write"))


class ConnectorsQuery(ListQuery):
    collection: str | None = Field(None, max_length=64, description="Slug; only connectors of this collection.")


class SyncIn(Schema):
    only_failed: bool = Field(False, description="Read only what could not be read before.")


class ConnectorOut(Schema):
    id: UUID
    name: str
    kind: str = Field(description="folder, git, s3 or web")
    collection: str
    every_minutes: int | None = Field(description="Null: only when somebody asks.")
    is_paused: bool
    next_sync_at: datetime | None
    documents: int
    last_status: str | None = Field(description="queued, running, complete, asks, failed or cancelled")
    last_error: str | None
    last_finished_at: datetime | None


def shape(connector: Connector) -> ConnectorOut:
    return ConnectorOut(
        id=connector.pk,
        name=connector.name,
        kind=connector.kind,
        collection=connector.collection.slug,
        every_minutes=connector.every_minutes,
        is_paused=connector.is_paused,
        next_sync_at=connector.next_sync_at,
        documents=getattr(connector, "document_count", None) or 0,
        last_status=getattr(connector, "last_status", None),
        last_error=getattr(connector, "last_error", None),
        last_finished_at=getattr(connector, "last_finished_at", None),
    )


@router.get("", response=Page[ConnectorOut])
def list_connectors(request: ApiRequest, query: Query[ConnectorsQuery]) -> Page[ConnectorOut]:
    """Of the collections that the caller owns."""
    collection = selectors.get_collection_for(request.auth, query.collection) if query.collection else None
    return page_of(selectors.list_connectors_for(request.auth, collection), query, shape)


@router.get("/{uuid:connector_id}", response=ConnectorOut)
def get_connector(request: ApiRequest, connector_id: UUID) -> ConnectorOut:
    return shape(selectors.get_connector_for(request.auth, connector_id))


@router.post("/{uuid:connector_id}/sync", response={202: ConnectorOut})
def sync_connector(request: ApiRequest, connector_id: UUID, body: SyncIn) -> Status[Any]:
    connector = selectors.get_connector_for(request.auth, connector_id)
    services.start_sync(user=request.auth, connector=connector, only_failed=body.only_failed)
    return Status(202, shape(selectors.get_connector_for(request.auth, connector_id)))
