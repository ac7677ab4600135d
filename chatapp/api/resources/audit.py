from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Query, Router, Schema

from chatapp.accounts import selectors
from chatapp.accounts.models import AuditEvent
from chatapp.api.auth import ApiRequest
from chatapp.api.lists import ListQuery, Page, page_of

router = Router(tags=["operations"])


class AuditEventOut(Schema):
    id: UUID
    at: datetime
    actor: str
    action: str
    object_type: str
    object_id: str
    detail: dict[str, Any]


def shape(event: AuditEvent) -> AuditEventOut:
    return AuditEventOut(
        id=event.id,
        at=event.at,
        actor=event.actor_name,
        action=event.action,
        object_type=event.object_type,
        object_id=event.object_id,
        detail=event.detail,
    )


@router.get("", response=Page[AuditEventOut])
def list_audit_events(request: ApiRequest, query: Query[ListQuery]) -> Page[AuditEventOut]:
    return page_of(selectors.list_audit_events_for(request.auth), query, shape, by="at")
