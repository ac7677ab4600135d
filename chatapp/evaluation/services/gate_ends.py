"""How a gate ends: its figures, its report, and what that means for the version."""

import structlog
from django.db import transaction
from django.db.models.functions import Now

from chatapp.accounts.services import record_event
from chatapp.conversations.services import stop_trials
from chatapp.evaluation.gate.figures import figures_of
from chatapp.evaluation.gate.marks import is_passed, judge_marks, parse_marks
from chatapp.evaluation.models import LIVE_GATE, GateResult, GateRun, GateState, Suite
from chatapp.inference.models import ModelVersion, VersionState
from chatapp.inference.services import change_state

_MAY_BECOME_EVALUATED = (VersionState.DRAFT, VersionState.VERIFIED)
_GONE = "Questions of this run were deleted with their collection. Start it again."
log = structlog.get_logger(__name__)


@transaction.atomic
def complete_gate(run: GateRun) -> None:
    """Passed whole, the version becomes evaluated, unless it was rejected meanwhile or serves already."""
    results = GateResult.objects.filter(run=run)
    if results.count() < run.total:
        fail_gate(run, _GONE)
        return
    figures = {**run.figures, **figures_of(results)}
    judged = judge_marks(
        figures, parse_marks(run.marks), suites=run.suites, baseline=run.baseline.figures if run.baseline else {}
    )
    passed = is_passed(judged)
    ended = GateRun.objects.filter(pk=run.pk, state__in=LIVE_GATE).update(
        state=GateState.COMPLETE,
        passed=passed,
        figures=figures,
        report=[one.as_dict() for one in judged],
        done=run.total,
        lease=None,
        lease_until=None,
        finished_at=Now(),
    )
    if not ended:
        return
    failed = [one.key for one in judged if one.passed is False]
    detail: dict[str, object] = {"version": run.version.name, "passed": passed, "failed": failed, "suites": run.suites}
    record_event(actor=None, action="evaluation.gate_completed", obj=run, detail=detail)
    log.info("gate_completed", gate=str(run.pk), passed=passed, failed=failed)
    if passed and set(run.suites) == set(Suite.values):
        _let_through(run)


def fail_gate(run: GateRun, error: str) -> None:
    """It could not be run to its end, which says nothing of the version."""
    GateRun.objects.filter(pk=run.pk, state__in=LIVE_GATE).update(
        state=GateState.FAILED, error=error, lease=None, lease_until=None, finished_at=Now()
    )
    stop_asked(run)
    log.warning("gate_failed", gate=str(run.pk), reason=error)


def stop_asked(run: GateRun) -> None:
    """The trials that are still asked, of a run that is over."""
    asked = GateResult.objects.filter(run=run, passed=None)
    stop_trials(user=run.started_by, generation_ids=asked.values_list("generation_id", flat=True))


def _let_through(run: GateRun) -> None:
    version = ModelVersion.objects.select_for_update().get(pk=run.version_id)
    if version.state in _MAY_BECOME_EVALUATED:
        reason = f"Passed the release gate {run.pk}."
        change_state(user=run.started_by, version=version, state=VersionState.EVALUATED, reason=reason)
