from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.bodies import version_in_body
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.evaluation import selectors, services
from chatapp.evaluation.comparing.questions import MOST_PAIRS
from chatapp.evaluation.models import Comparison
from chatapp.evaluation.services.comparisons import MOST_VOTES
from chatapp.inference.selectors import get_rollout_for
from chatapp.retrieval.selectors import get_collection_for

router = Router(tags=["models"], auth=BearerKey("rollouts", "rollouts:write"))
MANAGER = BearerKey("rollouts:write", permission="evaluation.manage_comparison")


class ComparisonIn(Schema):
    """Of two versions by name, or of the two of a rollout."""

    first: str = Field("", max_length=100)
    second: str = Field("", max_length=100)
    rollout: UUID | None = None
    questions_from: str = Field(max_length=16, description="golden, list or shadow.")
    questions: list[str] = Field([], max_length=MOST_PAIRS, description="For list.")
    collection: str = Field("", max_length=64, description="Asked of it; left out: without documents.")
    audience: str = Field("reviewers", max_length=16, description="volunteers or reviewers.")
    votes_wanted: int = Field(3, ge=1, le=MOST_VOTES)
    most_pairs: int = Field(50, ge=1, le=MOST_PAIRS)
    reason: str = Field("", max_length=500)


class ComparisonOut(Schema):
    id: UUID
    first: str
    second: str
    rollout: UUID | None
    questions_from: str
    collection: str | None
    audience: str
    state: str
    pairs: int
    ready: int = Field(description="Pairs that both versions have answered.")
    failed: int
    votes_wanted: int
    reason: str
    started_by: str | None
    created_at: datetime
    finished_at: datetime | None


class ComparisonResult(ComparisonOut):
    votes: int
    voters: int
    questions: int = Field(description="That have votes.")
    wins: int = Field(description="Of the first version.")
    losses: int
    ties: int
    both_bad: int
    win_rate: float | None = Field(description="Of the first version; a tie counts half.")
    low: float | None = Field(description="Of its 95 % interval, clustered by voter and question.")
    high: float | None
    agreement: float | None = Field(description="Krippendorff's alpha.")


@router.get("", response=Page[ComparisonOut])
def list_comparisons(request: ApiRequest, query: Query[ListQuery]) -> Page[ComparisonOut]:
    return page_of(selectors.list_comparisons_for(request.auth), query, shape)


@router.get("/{uuid:comparison_id}", response=ComparisonResult)
def get_comparison(request: ApiRequest, comparison_id: UUID) -> ComparisonResult:
    return result(request, comparison_id)


@router.post("", response={202: ComparisonResult}, auth=MANAGER)
def start_comparison(request: ApiRequest, body: ComparisonIn) -> Status[Any]:
    """The versions are asked by and by, with the rights of who calls; then people vote."""
    comparison = services.start_comparison(user=request.auth, **_given(request, body))
    return Status(202, result(request, comparison.pk))


@router.post("/{uuid:comparison_id}/close", response=ComparisonResult, auth=MANAGER)
def close_comparison(request: ApiRequest, comparison_id: UUID) -> ComparisonResult:
    """Nobody votes any more; the votes stand."""
    found = selectors.get_comparison_for(request.auth, comparison_id)
    services.close_comparison(user=request.auth, comparison=found)
    return result(request, comparison_id)


@router.post("/{uuid:comparison_id}/cancel", response=ComparisonResult, auth=MANAGER)
def cancel_comparison(request: ApiRequest, comparison_id: UUID) -> ComparisonResult:
    """Its votes count for nothing."""
    found = selectors.get_comparison_for(request.auth, comparison_id)
    services.cancel_comparison(user=request.auth, comparison=found)
    return result(request, comparison_id)


def shape(comparison: Comparison) -> ComparisonOut:
    return ComparisonOut.model_validate(_fields(comparison))


def result(request: ApiRequest, comparison_id: UUID) -> ComparisonResult:
    [row] = selectors.results_of([selectors.get_comparison_for(request.auth, comparison_id)])
    wins = row.wins
    counts = ("votes", "voters", "questions", "wins", "losses", "ties", "both_bad", "low", "high")
    figures = {name: getattr(wins, name) for name in counts}
    more = {"win_rate": wins.rate, "agreement": row.agreement}
    return ComparisonResult.model_validate({**_fields(row.comparison), **figures, **more})


def _given(request: ApiRequest, body: ComparisonIn) -> dict[str, Any]:
    user, given = request.auth, body.model_dump(exclude={"first", "second", "rollout", "collection"})
    rollout = get_rollout_for(user, body.rollout) if body.rollout else None
    collection = get_collection_for(user, body.collection) if body.collection else None
    versions = (
        (rollout.baseline, rollout.candidate)
        if rollout is not None and not body.first and not body.second
        else (version_in_body(body.first), version_in_body(body.second))
    )
    return {**given, "first": versions[0], "second": versions[1], "rollout": rollout, "collection": collection}


def _fields(comparison: Comparison) -> dict[str, Any]:
    same = ("id", "questions_from", "audience", "state", "votes_wanted", "reason", "created_at", "finished_at")
    counts: Any = comparison
    return {
        **{name: getattr(comparison, name) for name in same},
        "first": comparison.first.name,
        "second": comparison.second.name,
        "rollout": comparison.rollout_id,
        "collection": comparison.collection.slug if comparison.collection else None,
        "pairs": counts.total,
        "ready": counts.ready,
        "failed": counts.failed,
        "started_by": comparison.started_by.username if comparison.started_by else None,
    }
