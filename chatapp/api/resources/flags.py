from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Field, Query, Router, Schema, Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.conversations import services as reviews
from chatapp.moderation import selectors, services
from chatapp.moderation.marking import mark_excerpt, plain_text
from chatapp.moderation.models import Flag

router = Router(tags=["moderation"], auth=BearerKey("flags", "flags:write"))


class FlagFilterIn(Schema):
    severity: str = Field("", max_length=16)
    source: str = Field("", max_length=16)
    stage: str = Field("", max_length=16)
    check: str = Field("", max_length=100, description="The name of a check.")
    policy: str = Field("", max_length=100, description="The name of a policy, without a version.")
    overdue: bool = False

    def as_filter(self) -> selectors.FlagFilter:
        return selectors.FlagFilter(**{name: getattr(self, name) for name in FlagFilterIn.model_fields})


class FlagsQuery(ListQuery, FlagFilterIn):
    status: str | None = Field(
        None, max_length=16, description="A status of a flag, or waiting (free for you), mine or decided."
    )


class FlagOut(Schema):
    id: UUID
    status: str
    queue: str = Field(description="Where an open or claimed flag waits: open, second (review) or escalated.")
    source: str
    severity: str
    check: str
    stage: str
    excerpt: str = Field(description="Personal data in it is masked.")
    generation: UUID
    created_at: datetime
    due_at: datetime | None
    claimed_by: str | None
    claimed_until: datetime | None
    decided_at: datetime | None
    reason: str


class DecisionIn(Schema):
    decision: Literal["uphold", "dismiss", "escalate"]
    reason: str = Field("", max_length=1000, description="Needed unless a reason_code other than `other` says it.")
    reason_code: str = Field("", max_length=32)
    effects: list[Literal["mask", "retract", "notify"]] = Field([], max_length=3)


def shape(flag: Flag) -> FlagOut:
    return FlagOut(
        id=flag.id,
        status=flag.status,
        queue=flag.queue,
        source=flag.source,
        severity=flag.severity,
        check=flag.check_name,
        stage=flag.stage,
        excerpt=plain_text(mark_excerpt(flag)),
        generation=flag.exchange_id,
        created_at=flag.created_at,
        due_at=flag.due_at,
        claimed_by=flag.claimed_by.username if flag.claimed_by else None,
        claimed_until=flag.claimed_until,
        decided_at=flag.decided_at,
        reason=flag.reason,
    )


@router.get("", response=Page[FlagOut])
def list_flags(request: ApiRequest, query: Query[FlagsQuery]) -> Page[FlagOut]:
    flags = selectors.list_flags_for(request.auth, query.status, narrowed=query.as_filter())
    page = page_of(flags, query, shape)
    services.record_flags_listed(user=request.auth, flag_ids=[flag.id for flag in page.items])
    return page


@router.post("/next", response={200: FlagOut, 204: None}, summary="Claim the most urgent free flag")
def claim_next_flag(request: ApiRequest, query: Query[FlagFilterIn]) -> Status[FlagOut | None]:
    flag = services.claim_next_flag(user=request.auth, narrowed=query.as_filter())
    return Status(200, shape(flag)) if flag else Status(204, None)


@router.get("/{uuid:flag_id}", response=FlagOut)
def get_flag(request: ApiRequest, flag_id: UUID) -> FlagOut:
    return shape(services.open_flag(user=request.auth, flag_id=flag_id))


@router.post("/{uuid:flag_id}/claim", response=FlagOut)
def claim_flag(request: ApiRequest, flag_id: UUID) -> FlagOut:
    return shape(services.claim_flag(user=request.auth, flag_id=flag_id))


@router.post("/{uuid:flag_id}/decide", response=FlagOut)
def decide_flag(request: ApiRequest, flag_id: UUID, body: DecisionIn) -> FlagOut:
    return shape(reviews.decide_flag(user=request.auth, flag_id=flag_id, **body.dict()))


@router.post("/{uuid:flag_id}/undo", response=FlagOut)
def undo_decision(request: ApiRequest, flag_id: UUID) -> FlagOut:
    return shape(reviews.undo_decision(user=request.auth, flag_id=flag_id))
