from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Field, Query, Router, Schema

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.moderation import selectors, services
from chatapp.moderation.models import Flag

router = Router(tags=["moderation"], auth=BearerKey("flags", "flags:write"))


class FlagsQuery(ListQuery):
    status: str | None = Field(None, max_length=16)


class FlagOut(Schema):
    id: UUID
    status: str
    severity: str
    check: str
    stage: str
    excerpt: str
    generation: UUID
    created_at: datetime


class DecisionIn(Schema):
    decision: Literal["uphold", "dismiss"]
    reason: str = Field(min_length=1, max_length=1000)


def shape(flag: Flag) -> FlagOut:
    return FlagOut(
        id=flag.id,
        status=flag.status,
        severity=flag.severity,
        check=flag.check_name,
        stage=flag.stage,
        excerpt=flag.excerpt,
        generation=flag.exchange_id,
        created_at=flag.created_at,
    )


@router.get("", response=Page[FlagOut])
def list_flags(request: ApiRequest, query: Query[FlagsQuery]) -> Page[FlagOut]:
    page = page_of(selectors.list_flags_for(request.auth, query.status), query, shape)
    services.record_flags_listed(user=request.auth, flag_ids=[flag.id for flag in page.items])
    return page


@router.get("/{uuid:flag_id}", response=FlagOut)
def get_flag(request: ApiRequest, flag_id: UUID) -> FlagOut:
    return shape(services.open_flag(user=request.auth, flag_id=flag_id))


@router.post("/{uuid:flag_id}/claim", response=FlagOut)
def claim_flag(request: ApiRequest, flag_id: UUID) -> FlagOut:
    return shape(services.claim_flag(user=request.auth, flag_id=flag_id))


@router.post("/{uuid:flag_id}/decide", response=FlagOut)
def decide_flag(request: ApiRequest, flag_id: UUID, body: DecisionIn) -> FlagOut:
    return shape(services.decide_flag(user=request.auth, flag_id=flag_id, decision=body.decision, reason=body.reason))
