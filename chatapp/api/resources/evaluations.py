"""Evaluations of two kinds: of the search in a collection, and release gates of model versions."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Query, Router, Schema
from ninja.responses import Status

from chatapp.accounts.permissions import require
from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of_several
from chatapp.api.resources.gates import GateAnswerOut, GateOut, shape_answer, shape_gate
from chatapp.errors import ChatappError
from chatapp.evaluation import selectors as gates
from chatapp.evaluation import services as gate_services
from chatapp.evaluation.models import GateRun
from chatapp.inference.selectors import get_version_by_name
from chatapp.retrieval import selectors, services
from chatapp.retrieval.models import Evaluation

router = Router(tags=["documents"], auth=BearerKey("evaluations", "evaluations:write"))


class EvaluationsQuery(ListQuery):
    kind: Literal["search", "gate"] | None = Field(None, description="Only of this kind.")
    collection: str | None = Field(None, max_length=64, description="Slug; only searches of this collection.")
    version: str | None = Field(None, max_length=100, description="Only gates of this model version.")


class EvaluationIn(Schema):
    """A search needs its collection, a gate its version; see docs/rollouts.md for marks and suites."""

    kind: Literal["search", "gate"] = "search"
    collection: str | None = Field(None, max_length=64, description="Slug.")
    index: int | None = Field(None, ge=1, le=32767, description="Of embeddings; without it the one that serves.")
    version: str | None = Field(None, max_length=100, description="Name of the model version.")
    marks: dict[str, Any] = Field({}, max_length=50, description="Over the company's, such as {facts: 0.9}.")
    suites: list[str] | None = Field(None, max_length=10, description="Of golden, refusal, safety, load; else all.")
    worker: str = Field("", max_length=200, description="Where the load test shall run; any that can without it.")


class EvaluationOut(Schema):
    id: UUID
    kind: Literal["search"] = "search"
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


@router.get("", response=Page[EvaluationOut | GateOut])
def list_evaluations(request: ApiRequest, query: Query[EvaluationsQuery]) -> Page[EvaluationOut | GateOut]:
    """Searches of the collections that the caller may edit, and gates for who may see them."""
    collection = selectors.get_collection_for(request.auth, query.collection) if query.collection else None
    searches = selectors.list_evaluations_for(request.auth, collection)
    runs = gates.list_gates_for(request.auth, version=query.version or "")
    wanted: list[Any] = []
    if query.kind != "gate" and not query.version:
        wanted.append((searches, shape))
    if query.kind != "search" and collection is None:
        wanted.append((runs, shape_gate))
    return page_of_several(wanted, query)


@router.post("", response={202: EvaluationOut | GateOut})
def run_evaluation(request: ApiRequest, body: EvaluationIn) -> Status[Any]:
    return Status(202, _run_gate(request, body) if body.kind == "gate" else _run_search(request, body))


@router.get("/{uuid:evaluation_id}", response=EvaluationOut | GateOut)
def get_evaluation(request: ApiRequest, evaluation_id: UUID) -> EvaluationOut | GateOut:
    found = _find(request, evaluation_id)
    return shape_gate(found) if isinstance(found, GateRun) else shape(found)


@router.get("/{uuid:evaluation_id}/answers", response=list[GateAnswerOut])
def list_answers(request: ApiRequest, evaluation_id: UUID) -> list[GateAnswerOut]:
    """Question by question, of a gate; those of a collection that the caller may not read without their texts."""
    run = gates.get_gate_for(request.auth, evaluation_id)
    return [shape_answer(answer) for answer in gates.list_answers_for(request.auth, run)]


@router.post("/{uuid:evaluation_id}/cancel", response=EvaluationOut | GateOut)
def cancel_evaluation(request: ApiRequest, evaluation_id: UUID) -> EvaluationOut | GateOut:
    found = _find(request, evaluation_id)
    if isinstance(found, GateRun):
        gate_services.cancel_gate(user=request.auth, run=found)
    else:
        services.cancel_evaluation(user=request.auth, evaluation=found)
    return get_evaluation(request, evaluation_id)


def _run_search(request: ApiRequest, body: EvaluationIn) -> EvaluationOut:
    if body.collection is None:
        raise ChatappError("invalid", detail="collection is missing.")
    collection = selectors.get_collection_for(request.auth, body.collection)
    index = selectors.get_whole_index(body.index)
    started = services.run_evaluation(collection=collection, index=index, actor=request.auth)
    return shape(selectors.get_evaluation_for(request.auth, started.pk))


def _run_gate(request: ApiRequest, body: EvaluationIn) -> GateOut:
    require(request.auth, "evaluation.run_gate")
    if body.version is None:
        raise ChatappError("invalid", detail="version is missing.")
    version = get_version_by_name(body.version)
    run = gate_services.run_gate(
        user=request.auth, version=version, marks=body.marks, suites=body.suites, worker=body.worker
    )
    return shape_gate(gates.get_gate_for(request.auth, run.pk))


def _find(request: ApiRequest, evaluation_id: UUID) -> Evaluation | GateRun:
    """Raises ChatappError("not_found")."""
    run = gates.list_gates_for(request.auth).filter(pk=evaluation_id).first()
    return run or selectors.get_evaluation_for(request.auth, evaluation_id)
