from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.moderation import selectors, services
from chatapp.moderation.models import PolicyVersion

router = Router(tags=["moderation"], auth=BearerKey("policies", "policies:write"))


class PolicyIn(Schema):
    name: str = Field(max_length=100)
    activate: bool = False
    checks: list[dict[str, Any]] = Field(max_length=200)


class PolicyOut(Schema):
    id: UUID
    name: str
    number: int
    version: str = Field(description="As answers name it, such as company@1.")
    active: bool
    checks: list[dict[str, Any]]
    created_at: datetime


def shape(policy: PolicyVersion) -> PolicyOut:
    return PolicyOut(
        id=policy.id,
        name=policy.name,
        number=policy.number,
        version=str(policy),
        active=policy.active,
        checks=policy.checks,
        created_at=policy.created_at,
    )


@router.get("", response=Page[PolicyOut])
def list_policies(request: ApiRequest, query: Query[ListQuery]) -> Page[PolicyOut]:
    return page_of(selectors.list_policies_for(request.auth), query, shape)


@router.post("", response={201: PolicyOut}, auth=BearerKey("policies:write", permission="moderation.manage_policy"))
def create_policy(request: ApiRequest, body: PolicyIn) -> Status[Any]:
    policy = services.create_policy_version(
        user=request.auth, name=body.name, checks=body.checks, activate=body.activate
    )
    return Status(201, shape(policy))
