from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.api.resources import replays
from chatapp.moderation import selectors, services
from chatapp.moderation.models import PolicyVersion

router = Router(tags=["moderation"], auth=BearerKey("policies", "policies:write"))
MANAGER = BearerKey("policies:write", permission="moderation.manage_policy")
router.add_router("", replays.router)


class PolicyIn(Schema):
    name: str = Field(max_length=100)
    activate: bool = False
    reason: str = Field("", max_length=1000)
    checks: list[dict[str, Any]] = Field(max_length=200)


class StateIn(Schema):
    state: str = Field(max_length=16, description="shadow, active or retired")
    reason: str = Field(max_length=1000)


class ReasonIn(Schema):
    reason: str = Field(max_length=1000)


class PolicyOut(Schema):
    id: UUID
    name: str
    number: int
    version: str = Field(description="As answers name it, such as company@1.")
    state: str = Field(description="draft, shadow, active or retired")
    active: bool
    checks: list[dict[str, Any]]
    created_at: datetime


def shape(policy: PolicyVersion) -> PolicyOut:
    return PolicyOut(
        id=policy.id,
        name=policy.name,
        number=policy.number,
        version=str(policy),
        state=policy.state,
        active=policy.active,
        checks=policy.checks,
        created_at=policy.created_at,
    )


@router.get("", response=Page[PolicyOut])
def list_policies(request: ApiRequest, query: Query[ListQuery]) -> Page[PolicyOut]:
    return page_of(selectors.list_policies_for(request.auth), query, shape)


@router.post("", response={201: PolicyOut}, auth=MANAGER)
def create_policy(request: ApiRequest, body: PolicyIn) -> Status[Any]:
    policy = services.create_policy_version(user=request.auth, **body.dict())
    return Status(201, shape(policy))


@router.get("/{uuid:policy_id}", response=PolicyOut)
def get_policy(request: ApiRequest, policy_id: UUID) -> PolicyOut:
    return shape(selectors.get_policy_for(request.auth, policy_id))


@router.post("/{uuid:policy_id}/state", response=PolicyOut, auth=MANAGER)
def change_state(request: ApiRequest, policy_id: UUID, body: StateIn) -> PolicyOut:
    """The version of the same name that was in that state before is retired."""
    policy = services.change_policy_state(user=request.auth, policy_id=policy_id, **body.dict())
    return shape(policy)


@router.post("/{uuid:policy_id}/rollback", response=PolicyOut, auth=MANAGER)
def roll_back(request: ApiRequest, policy_id: UUID, body: ReasonIn) -> PolicyOut:
    """Of the active version: the one that was active before it is active again, and is the answer."""
    return shape(services.roll_back_policy(user=request.auth, policy_id=policy_id, reason=body.reason))
