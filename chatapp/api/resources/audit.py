from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Query, Router, Schema

from chatapp.accounts import selectors, services
from chatapp.accounts.models import AuditEvent
from chatapp.accounts.ocsf import to_ocsf
from chatapp.accounts.permissions import can
from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of

router = Router(tags=["operations"], auth=BearerKey("audit"))
_EXPORTED = "Events in the shape of OCSF, by the API"


class AuditQuery(ListQuery):
    person: str = Field("", max_length=200, description="A user name or id.")
    action: str = Field("", max_length=200, description="An action, such as document.deleted, or an area: document.")
    object_id: str = Field("", max_length=200)
    address: str = Field("", max_length=200)
    outcome: str = Field("", max_length=16)
    words: str = Field("", max_length=200, description="Whole words of names, reasons, details and changes.")
    since: str = Field("", max_length=40, description="ISO 8601")
    until: str = Field("", max_length=40, description="ISO 8601; events at that time are not included.")
    format: Literal["", "ocsf"] = ""


class AuditEventOut(Schema):
    id: UUID
    number: int | None = Field(description="In the chain; null until the event is sealed, within seconds.")
    at: datetime
    actor: str
    actor_id: UUID | None
    action: str
    outcome: str
    object_type: str
    object_id: str
    address: str
    origin: dict[str, Any]
    reason: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    detail: dict[str, Any]
    hash: str


def shape(event: AuditEvent) -> AuditEventOut:
    return AuditEventOut(
        id=event.id,
        number=event.number,
        at=event.at,
        actor=event.actor_name,
        actor_id=event.actor_id,
        action=event.action,
        outcome=event.outcome,
        object_type=event.object_type,
        object_id=event.object_id,
        address=event.address,
        origin=event.origin,
        reason=event.reason,
        before=event.before,
        after=event.after,
        detail=event.detail,
        hash=event.hash,
    )


@router.get("", response=Page[AuditEventOut] | Page[dict[str, Any]])
def list_audit_events(request: ApiRequest, query: Query[AuditQuery]) -> Page[AuditEventOut] | Page[dict[str, Any]]:
    search = selectors.AuditSearch.parse({name: str(value) for name, value in query.dict().items()})
    events = selectors.list_audit_events_for(request.auth, search)
    if query.format != "ocsf":
        return page_of(events, query, shape, by="at")
    page = page_of(events, query, to_ocsf, by="at")
    if can(request.auth, "accounts.view_audit"):
        services.begin_audit_export(user=request.auth, search=search, reason=_EXPORTED, limit=query.limit)
    return page
