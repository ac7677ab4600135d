from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from ninja import Field, Query, Router, Schema
from ninja.responses import Status
from pydantic import AwareDatetime

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.errors import ChatappError
from chatapp.moderation import services
from chatapp.moderation.models import Replay
from chatapp.moderation.replay.results import CheckResult, results_of
from chatapp.moderation.replay.selectors import get_replay_for, list_replays_for
from chatapp.moderation.selectors import get_policy_for

router = Router(tags=["moderation"], auth=BearerKey("policies", "policies:write"))


class ReplayIn(Schema):
    since: AwareDatetime
    until: AwareDatetime
    remote: bool = Field(False, description="Checks that ask a service run too, which may cost money.")


class PointOut(Schema):
    threshold: float
    texts: int = Field(description="Of the whole period, that score at least so much.")
    precision: float | None
    recall: float | None


class CheckOut(Schema):
    number: int = Field(description="Its place in the version's list, from 0.")
    name: str
    stage: str
    action: str
    replayed: bool
    found: int = Field(description="Texts.")
    newly: int = Field(description="Of these, texts that nothing objected to then.")
    decisions: int = Field(description="Of reviewers, that precision and recall rest on.")
    precision: float | None
    recall: float | None
    curve: list[PointOut]


class ReplayOut(Schema):
    id: UUID
    policy: str
    since: datetime
    until: datetime
    remote: bool
    state: str = Field(description="waiting, running, cancelled, failed or done")
    error: str
    total: int
    looked: int
    outcomes: dict[str, int] = Field(description="Texts: newly, released, stricter, milder, same, unknown.")
    released: dict[str, int] = Field(description="Texts that nothing objects to any more, by the check of then.")
    created_at: datetime
    finished_at: datetime | None


class ReplayResultOut(ReplayOut):
    checks: list[CheckOut]


def shape(replay: Replay) -> ReplayOut:
    return ReplayOut.model_validate(_fields(replay))


@router.post(
    "/{uuid:policy_id}/replay",
    response={202: ReplayOut},
    auth=BearerKey("policies:write", permission="moderation.manage_policy"),
)
def start_replay(request: ApiRequest, policy_id: UUID, body: ReplayIn) -> Status[object]:
    """Over the exchanges of [since, until). Retrieved passages are not kept with exchanges, so they are not judged."""
    replay = services.start_replay(
        user=request.auth, policy_id=policy_id, since=body.since, until=body.until, with_remote=body.remote
    )
    return Status(202, shape(replay))


@router.get("/{uuid:policy_id}/replay", response=Page[ReplayOut])
def list_replays(request: ApiRequest, policy_id: UUID, query: Query[ListQuery]) -> Page[ReplayOut]:
    policy = get_policy_for(request.auth, policy_id)
    return page_of(list_replays_for(request.auth, policy.pk), query, shape)


@router.get("/{uuid:policy_id}/replay/{uuid:replay_id}", response=ReplayResultOut)
def get_replay(request: ApiRequest, policy_id: UUID, replay_id: UUID) -> ReplayResultOut:
    replay = get_replay_for(request.auth, replay_id, policy_id=policy_id)
    return ReplayResultOut.model_validate({**_fields(replay), "checks": [_check(one) for one in results_of(replay)]})


@router.post("/{uuid:policy_id}/replay/{uuid:replay_id}/cancel", response=ReplayOut)
def cancel_replay(request: ApiRequest, policy_id: UUID, replay_id: UUID) -> ReplayOut:
    replay = get_replay_for(request.auth, replay_id, policy_id=policy_id)
    return shape(services.cancel_replay(user=request.auth, replay_id=replay.pk))


@router.post("/{uuid:policy_id}/replay/{uuid:replay_id}/resume", response=ReplayOut)
def resume_replay(request: ApiRequest, policy_id: UUID, replay_id: UUID) -> ReplayOut:
    """Of one that was cancelled or failed: it goes on where it stopped."""
    replay = get_replay_for(request.auth, replay_id, policy_id=policy_id)
    return shape(services.resume_replay(user=request.auth, replay_id=replay.pk))


def _fields(replay: Replay) -> Mapping[str, object]:
    return {
        "id": replay.pk,
        "policy": str(replay.policy),
        "since": replay.since,
        "until": replay.until,
        "remote": replay.with_remote,
        "state": replay.state,
        "error": ChatappError(replay.error_code).message if replay.error_code else "",
        "total": replay.total,
        "looked": replay.looked,
        "outcomes": replay.figures.get("outcomes", {}),
        "released": replay.figures.get("released", {}),
        "created_at": replay.created_at,
        "finished_at": replay.finished_at,
    }


def _check(result: CheckResult) -> CheckOut:
    return CheckOut(
        number=result.number,
        name=result.check.name,
        stage=result.check.stage,
        action=result.check.action,
        replayed=result.was_run,
        found=result.found,
        newly=result.newly,
        decisions=result.labels,
        precision=result.now.precision,
        recall=result.now.recall,
        curve=[
            PointOut(threshold=point.threshold, texts=texts, precision=point.precision, recall=point.recall)
            for point, texts in result.points
        ],
    )
