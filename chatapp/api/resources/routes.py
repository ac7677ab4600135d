from datetime import datetime
from uuid import UUID

from ninja import Field, Query, Router, Schema

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.bodies import version_in_body
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.inference import selectors, services
from chatapp.inference.models import Route
from chatapp.inference.services import RuleSpec
from chatapp.inference.services.route_plans import plan_of

router = Router(tags=["models"], auth=BearerKey("models", "models:write"))


class Arm(Schema):
    version: str = Field(max_length=100)
    share_percent: float = Field(ge=0, le=100)


class Rule(Schema):
    """All conditions that are given must be met; the first rule that is met counts."""

    version: str = Field(max_length=100)
    task: str = Field("", max_length=16)
    collection: str = Field("", max_length=64)
    language: str = Field("", max_length=8)
    choice: str = Field("", max_length=32)
    min_characters: int | None = Field(None, ge=0)
    max_characters: int | None = Field(None, ge=0)


class RouteFields(Schema):
    version: str = Field(max_length=100)
    description: str = Field("", max_length=300)
    arms: list[Arm] = Field([], max_length=100)
    rules: list[Rule] = Field([], max_length=200)
    fallbacks: list[str] = Field([], max_length=100)
    may_leave_company: bool = Field(False, description="Whether a version to which text leaves may answer.")
    safe_answer: str = Field("", max_length=1000)


class RouteIn(RouteFields):
    override: str = Field("", max_length=500, description="Why a version may serve that has passed no release gate.")


class RouteOut(RouteFields):
    name: str
    rollout: UUID | None = Field(description="While one runs the route cannot be changed.")
    updated_at: datetime


def shape(route: Route) -> RouteOut:
    plan = plan_of(route)
    rules = [Rule(version=spec.version.name, **spec.columns()) for spec in plan.rules]
    return RouteOut(
        name=plan.name,
        version=plan.version.name,
        description=plan.description,
        arms=[Arm(version=version.name, share_percent=share) for version, share in plan.arms],
        rules=rules,
        fallbacks=[version.name for version in plan.fallbacks],
        may_leave_company=plan.may_leave_company,
        safe_answer=plan.safe_answer,
        rollout=route.rollout_id,
        updated_at=route.updated_at,
    )


@router.get("", response=Page[RouteOut])
def list_routes(request: ApiRequest, query: Query[ListQuery]) -> Page[RouteOut]:
    return page_of(selectors.list_routes_for(request.auth), query, shape, by="updated_at")


@router.get("/{name}", response=RouteOut)
def get_route(request: ApiRequest, name: str) -> RouteOut:
    return shape(selectors.get_route_for(request.auth, name))


@router.put("/{name}", response=RouteOut, auth=BearerKey("models:write", permission="inference.serve_version"))
def configure_route(request: ApiRequest, name: str, body: RouteIn) -> RouteOut:
    """The whole route as it shall be from now on; what is left out is empty."""
    route = services.configure_route(
        user=request.auth,
        name=name,
        version=version_in_body(body.version),
        arms=[(version_in_body(arm.version), arm.share_percent) for arm in body.arms],
        rules=[RuleSpec(**{**rule.model_dump(), "version": version_in_body(rule.version)}) for rule in body.rules],
        fallbacks=[version_in_body(given) for given in body.fallbacks],
        may_leave_company=body.may_leave_company,
        safe_answer=body.safe_answer,
        description=body.description,
        override=body.override,
    )
    return shape(route)
