from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.bodies import version_in_body
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.inference import selectors, services
from chatapp.inference.models import Rollout, RolloutStep

router = Router(tags=["models"], auth=BearerKey("rollouts", "rollouts:write"))
MANAGER = BearerKey("rollouts:write", permission="inference.manage_rollout")


class StageFields(Schema):
    share: float = Field(description="Percent of the route's users.")
    min_answers: int = Field(0, description="Of the candidate, since the stage began.")
    min_minutes: float = 0


class RolloutIn(Schema):
    route: str = Field("default", max_length=64)
    kind: str = Field(max_length=16, description="canary, ab, blue_green or shadow.")
    candidate: str = Field(max_length=100)
    stages: list[StageFields] | None = Field(None, max_length=100, description="Left out: those of its kind.")
    guards: dict[str, Any] | None = Field(None, max_length=50, description="Left out: all of them.")
    alpha: float = Field(0.05, description="How probable it may be that a candidate that is no worse is rolled back.")
    pilot_group: str = Field("", max_length=150, description="Its members meet the candidate first.")
    has_pilot: bool | None = Field(None, description="Those who asked to try new models meet it first.")
    reason: str = Field("", max_length=500)
    override: str = Field("", max_length=500, description="Why it may begin without a passed release gate.")


class StepIn(Schema):
    reason: str = Field("", max_length=500)


class AdvanceIn(StepIn):
    from_stage: int | None = Field(None, ge=0, description="Counted from 0: refused when it is in another one by now.")


class StepOut(Schema):
    action: str
    by: str | None = Field(description="Null: the judge, or the set-up.")
    share_before: float
    share_after: float
    reason: str
    figures: dict[str, Any] | None
    at: datetime


class RolloutOut(Schema):
    id: UUID
    route: str
    kind: str
    baseline: str
    candidate: str
    state: str
    share: float
    stage: int
    stages: list[StageFields]
    stage_started_at: datetime
    guards: dict[str, Any]
    alpha: float
    pilot_group: str | None
    has_pilot: bool
    reason: str
    override_reason: str
    started_by: str | None
    created_at: datetime
    finished_at: datetime | None
    figures: dict[str, Any] | None = Field(description="What the judge found last.")
    judged_at: datetime | None


class RolloutStory(RolloutOut):
    steps: list[StepOut]


def shape(rollout: Rollout) -> RolloutOut:
    return RolloutOut.model_validate(_fields(rollout))


def story(rollout: Rollout) -> RolloutStory:
    steps = [_step(step) for step in rollout.steps.select_related("actor")]
    return RolloutStory.model_validate({**_fields(rollout), "steps": steps})


@router.get("", response=Page[RolloutOut])
def list_rollouts(request: ApiRequest, query: Query[ListQuery]) -> Page[RolloutOut]:
    return page_of(selectors.list_rollouts_for(request.auth), query, shape)


@router.get("/{uuid:rollout_id}", response=RolloutStory)
def get_rollout(request: ApiRequest, rollout_id: UUID) -> RolloutStory:
    return story(selectors.get_rollout_for(request.auth, rollout_id))


@router.post("", response={201: RolloutStory}, auth=MANAGER)
def start_rollout(request: ApiRequest, body: RolloutIn) -> Status[Any]:
    """One route has one rollout at a time."""
    given = {**body.model_dump(), "candidate": version_in_body(body.candidate)}
    return Status(201, story(services.start_rollout(user=request.auth, **given)))


@router.post("/{uuid:rollout_id}/advance", response=RolloutStory, auth=MANAGER)
def advance_rollout(request: ApiRequest, rollout_id: UUID, body: AdvanceIn) -> RolloutStory:
    """To the next stage."""
    return _move(services.advance_rollout, request, rollout_id, body)


@router.post("/{uuid:rollout_id}/hold", response=RolloutStory, auth=MANAGER)
def hold_rollout(request: ApiRequest, rollout_id: UUID, body: StepIn) -> RolloutStory:
    """It keeps its share until it is resumed; its guards go on."""
    return _move(services.hold_rollout, request, rollout_id, body)


@router.post("/{uuid:rollout_id}/resume", response=RolloutStory, auth=MANAGER)
def resume_rollout(request: ApiRequest, rollout_id: UUID, body: StepIn) -> RolloutStory:
    return _move(services.resume_rollout, request, rollout_id, body)


@router.post("/{uuid:rollout_id}/roll-back", response=RolloutStory, auth=MANAGER)
def roll_back_rollout(request: ApiRequest, rollout_id: UUID, body: StepIn) -> RolloutStory:
    """The baseline answers all that waits; running answers end on their version."""
    return _move(services.roll_back_rollout, request, rollout_id, body)


@router.post("/{uuid:rollout_id}/complete", response=RolloutStory, auth=MANAGER)
def complete_rollout(request: ApiRequest, rollout_id: UUID, body: StepIn) -> RolloutStory:
    """The candidate is the route's version from now on."""
    return _move(services.complete_rollout, request, rollout_id, body)


@router.post("/{uuid:rollout_id}/end", response=RolloutStory, auth=MANAGER)
def end_rollout(request: ApiRequest, rollout_id: UUID, body: StepIn) -> RolloutStory:
    """Without a winner: the baseline goes on."""
    return _move(services.end_rollout, request, rollout_id, body)


def _move(step: Callable[..., Rollout], request: ApiRequest, rollout_id: UUID, body: StepIn) -> RolloutStory:
    rollout = selectors.get_rollout_for(request.auth, rollout_id)
    step(user=request.auth, rollout=rollout, **body.model_dump())
    return story(selectors.get_rollout_for(request.auth, rollout_id))


def _step(step: RolloutStep) -> StepOut:
    return StepOut(
        action=step.action,
        by=step.actor.username if step.actor else None,
        share_before=step.share_before,
        share_after=step.share_after,
        reason=step.reason,
        figures=step.figures,
        at=step.at,
    )


def _fields(rollout: Rollout) -> dict[str, Any]:
    same = ("id", "kind", "state", "share", "stage", "stages", "stage_started_at", "guards", "alpha", "has_pilot")
    more = ("reason", "override_reason", "created_at", "finished_at", "judged_at")
    return {
        **{name: getattr(rollout, name) for name in (*same, *more)},
        "route": rollout.route_id,
        "baseline": rollout.baseline.name,
        "candidate": rollout.candidate.name,
        "pilot_group": rollout.pilot_group.name if rollout.pilot_group else None,
        "started_by": rollout.started_by.username if rollout.started_by else None,
        "figures": rollout.verdict,
    }
