from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of
from chatapp.retrieval import selectors, services
from chatapp.retrieval.models import Evaluation

router = Router(tags=["documents"], auth=BearerKey("evaluations", "evaluations:write"))


class EvaluationsQuery(ListQuery):
    collection: str | None = Field(None, max_length=64, description="Slug; only runs of this collection.")


class EvaluationIn(Schema):
    collection: str = Field(max_length=64, description="Slug.")
    index: int | None = Field(None, ge=1, le=32767, description="Of embeddings; without it the one that serves.")


class EvaluationOut(Schema):
    id: UUID
    collection: str
    index: int | None = Field(description="Null once the index is gone.")
    model: str = Field(description="That made the embeddings.")
    status: str = Field(description="queued, running, complete, failed or cancelled")
    error: str
    questions: int
    asked: int
    figures: dict[str, float | None] | None = Field(description="ndcg_at_10, mrr, recall_at_10 and so on, at the end.")
    created_at: datetime
    finished_at: datetime | None


def shape(evaluation: Evaluation) -> EvaluationOut:
    return EvaluationOut(
        id=evaluation.pk,
        collection=evaluation.collection.slug,
        index=evaluation.index_id,
        model=evaluation.setup["model"],
        status=evaluation.state,
        error=evaluation.error,
        questions=evaluation.total,
        asked=evaluation.done,
        figures=evaluation.figures,
        created_at=evaluation.created_at,
        finished_at=evaluation.finished_at,
    )


@router.get("", response=Page[EvaluationOut])
def list_evaluations(request: ApiRequest, query: Query[EvaluationsQuery]) -> Page[EvaluationOut]:
    """Of the collections that the caller may edit."""
    collection = selectors.get_collection_for(request.auth, query.collection) if query.collection else None
    return page_of(selectors.list_evaluations_for(request.auth, collection), query, shape)


@router.post("", response={202: EvaluationOut})
def run_evaluation(request: ApiRequest, body: EvaluationIn) -> Status[Any]:
    collection = selectors.get_collection_for(request.auth, body.collection)
    index = selectors.get_whole_index(body.index)
    started = services.run_evaluation(collection=collection, index=index, actor=request.auth)
    return Status(202, shape(selectors.get_evaluation_for(request.auth, started.pk)))


@router.get("/{uuid:evaluation_id}", response=EvaluationOut)
def get_evaluation(request: ApiRequest, evaluation_id: UUID) -> EvaluationOut:
    return shape(selectors.get_evaluation_for(request.auth, evaluation_id))


@router.post("/{uuid:evaluation_id}/cancel", response=EvaluationOut)
def cancel_evaluation(request: ApiRequest, evaluation_id: UUID) -> EvaluationOut:
    found = selectors.get_evaluation_for(request.auth, evaluation_id)
    services.cancel_evaluation(user=request.auth, evaluation=found)
    return shape(selectors.get_evaluation_for(request.auth, evaluation_id))
