from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Query, Router, Schema

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.evaluation.alerting.messages import describe
from chatapp.evaluation.models import Alert
from chatapp.evaluation.selectors import get_alert_for, search_alerts_for
from chatapp.evaluation.services import acknowledge_alert

router = Router(tags=["evaluations"], auth=BearerKey("alerts", "alerts:write"))
MANAGER = BearerKey("alerts:write", permission="evaluation.manage_alert")


class AlertQuery(ListQuery):
    state: str = Field("", max_length=16, description="open or closed.")
    kind: str = Field("", max_length=16, description="spike or drift.")
    metric: str = Field("", max_length=16)
    route: str = Field("", max_length=64)


class AlertOut(Schema):
    id: UUID
    kind: str
    metric: str
    route: str
    version: str | None = Field(description="Null: of the whole route.")
    value: float
    baseline: float
    low: float | None
    high: float | None
    answers: int
    users: int
    text: str
    opened_at: datetime
    seen_at: datetime = Field(description="When it was out of its band last.")
    closed_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    note: str


class AcknowledgeIn(Schema):
    note: str = Field("", max_length=500)


@router.get("", response=Page[AlertOut])
def list_alerts(request: ApiRequest, query: Query[AlertQuery]) -> Page[AlertOut]:
    conditions: dict[str, Any] = query.model_dump(include={"state", "kind", "metric", "route"})
    return page_of(search_alerts_for(request.auth, **conditions), query, shape, by="opened_at")


@router.get("/{uuid:alert_id}", response=AlertOut)
def get_alert(request: ApiRequest, alert_id: UUID) -> AlertOut:
    return shape(get_alert_for(request.auth, alert_id))


@router.post("/{uuid:alert_id}/acknowledge", response=AlertOut, auth=MANAGER)
def acknowledge(request: ApiRequest, alert_id: UUID, body: AcknowledgeIn) -> AlertOut:
    """It stays open until the figure is back in its band."""
    acknowledge_alert(user=request.auth, alert=get_alert_for(request.auth, alert_id), note=body.note)
    return shape(get_alert_for(request.auth, alert_id))


def shape(alert: Alert) -> AlertOut:
    return AlertOut(
        version=alert.version.name if alert.version else None,
        acknowledged_by=alert.acknowledged_by.username if alert.acknowledged_by else None,
        text=describe(alert),
        **{name: getattr(alert, name) for name in _PLAIN},
    )


_PLAIN = (
    "id", "kind", "metric", "route", "value", "baseline", "low", "high", "answers", "users", "opened_at", "seen_at",
    "closed_at", "acknowledged_at", "note",
)  # fmt: skip
