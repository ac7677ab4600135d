"""Release gates, for those who may see them; to all others they do not exist."""

from uuid import UUID

from django.db.models import QuerySet

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.errors import ChatappError
from chatapp.evaluation.models import GateRun, GateState


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
