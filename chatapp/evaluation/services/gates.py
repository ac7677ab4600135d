"""Release gates: started, cancelled, and their pass marks."""

from collections.abc import Mapping

from django.db import IntegrityError, transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.evaluation.models import GateRun
from chatapp.inference.models import ModelVersion


def run_gate(*, user: User, version: ModelVersion, marks: Mapping[str, object] | None = None) -> GateRun:
    """Asks the version by and by, as `user`, who must still have the right then; passed, it becomes evaluated.

    `marks` replace single ones of the company's. Raises ChatappError: forbidden, invalid, gate_running.
    """
    require(user, "evaluation.run_gate")
    try:
        with transaction.atomic():
            run = GateRun.objects.create(version=version, marks=dict(marks or {}), started_by=user)
            record_event(actor=user, action="evaluation.gate_started", obj=run, detail={"version": version.name})
    except IntegrityError:
        raise ChatappError("gate_running", name=version.name) from None
    return run
