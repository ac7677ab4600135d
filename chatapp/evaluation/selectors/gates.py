"""Release gates, for those who may see them; to all others they do not exist."""

from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.evaluation.gate.marks import DEFAULT_MARKS, Marks, parse_marks
from chatapp.evaluation.models import GateMarks, GateRun, GateState
from chatapp.inference import routing
from chatapp.inference.models import ModelVersion, Route, Task
from chatapp.inference.selectors import load_route


def list_gates_for(user: User) -> QuerySet[GateRun]:
    """Newest first."""
    runs = GateRun.objects.select_related("version", "started_by", "baseline__version")
    return runs if can(user, "evaluation.view_gate") else runs.none()


def get_gate_for(user: User, run_id: UUID) -> GateRun:
    """Raises ChatappError("not_found")."""
    run = list_gates_for(user).filter(pk=run_id).first()
    if run is None:
        raise ChatappError("not_found")
    return run


def latest_gate(version_id: UUID) -> GateRun | None:
    """The version's newest run, in whatever state it is; the caller may see gates."""
    return GateRun.objects.select_related("version", "started_by").filter(version=version_id).first()


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
