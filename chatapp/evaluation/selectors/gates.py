"""Release gates, for those who may see them; to all others they do not exist."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.evaluation.gate.marks import DEFAULT_MARKS, Marks, parse_marks
from chatapp.evaluation.models import GateMarks, GateResult, GateRun, GateState, Suite
from chatapp.inference import routing
from chatapp.inference.models import ModelVersion, Route, Task
from chatapp.inference.selectors import load_route
from chatapp.retrieval.selectors import list_collections_for


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """A question of a run as one person may see it: the texts are for readers of its collection."""

    result: GateResult
    is_readable: bool

    @property
    def question(self) -> str:
        return self.result.question if self.is_readable else ""

    @property
    def answer(self) -> str:
        return self.result.answer if self.is_readable else ""

    @property
    def expected(self) -> dict[str, Any]:
        return self.result.expected if self.is_readable else {}

    @property
    def cited(self) -> list[str]:
        return self.result.cited if self.is_readable else []


def list_gates_for(user: User, *, version: str = "", state: str = "") -> QuerySet[GateRun]:
    """Newest first; of a version by its name, and in one state, where these are given."""
    runs = GateRun.objects.select_related("version", "started_by", "baseline__version")
    if version:
        runs = runs.filter(version__name=version) if "\0" not in version else runs.none()
    if state:
        runs = runs.filter(state=state) if state in GateState.values else runs.none()
    return runs if can(user, "evaluation.view_gate") else runs.none()


def list_answers_for(user: User, run: GateRun) -> list[GateAnswer]:
    """In the order of the questions, of a run that the user was given. Answers may quote what was found."""
    results = GateResult.objects.filter(run=run).exclude(suite=Suite.LOAD).select_related("collection")
    readable = dict(list_collections_for(user).values_list("pk", "slug"))
    reads_all = set(run.setup["collections"]) <= set(readable.values())
    return [GateAnswer(one, _is_readable(one, readable.keys(), reads_all=reads_all)) for one in results]


def _is_readable(result: GateResult, readable: AbstractSet[UUID], *, reads_all: bool) -> bool:
    """Of the product's own questions, those without an answer are asked of all collections of the run."""
    if result.collection_id is not None:
        return result.collection_id in readable
    return result.suite == Suite.SAFETY or reads_all


def get_gate_for(user: User, run_id: UUID) -> GateRun:
    """Raises ChatappError("not_found")."""
    run = list_gates_for(user).filter(pk=run_id).first()
    if run is None:
        raise ChatappError("not_found")
    return run


def latest_complete_gate(version_id: UUID) -> GateRun | None:
    return GateRun.objects.filter(version=version_id, state=GateState.COMPLETE).first()


def recent_load_of(version_id: UUID, *, worker: str, streams: int, seconds: float) -> dict[str, float | None] | None:
    """What a load test found of the version within a day, on the same worker and in the same way."""
    runs = GateRun.objects.filter(version=version_id, worker=worker, finished_at__gt=Now() - timedelta(days=1))
    same = runs.filter(figures__load__streams=streams, setup__seconds=seconds).first()
    return same.figures["load"] if same else None


def current_marks() -> Marks:
    """The company's, for runs that begin now."""
    newest = GateMarks.objects.first()
    return parse_marks(newest.marks) if newest else DEFAULT_MARKS


def judge_version(candidate: ModelVersion) -> ModelVersion | None:
    """What a rule of the default route names for judgements; None without one, and no version judges itself.

    Answers rest on documents, so they go to no judge to which text of that route may not leave.
    """
    try:
        route = load_route(Route.DEFAULT)
    except ChatappError:
        return None
    named = (rule.version for rule in route.rules.all() if rule.task == Task.JUDGE)
    return next((version for version in named if version != candidate and routing.allowed(route, version)), None)
