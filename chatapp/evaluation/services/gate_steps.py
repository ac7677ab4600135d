"""What goes on in a gate between its start and its end: a few trials at a time, graded as they end.

A step is one transaction that holds the run's row, so it may be killed or come twice; beat brings the next one.
"""

from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from chatapp.accounts.permissions import can
from chatapp.conversations.models import NO_MODEL, Generation, Source, Status
from chatapp.conversations.queue import people_wait
from chatapp.conversations.services import ask_trial
from chatapp.errors import ChatappError
from chatapp.evaluation.gate.graders import Answer, Expected, grade
from chatapp.evaluation.models import LIVE_GATE, GateResult, GateRun, GateState, Suite
from chatapp.evaluation.services.gate_ends import complete_gate, fail_gate
from chatapp.inference.defaults import SYSTEM_PROMPT
from chatapp.inference.models import WITHDRAWN
from chatapp.inference.refusals import is_refusal
from chatapp.leases import UNLEASED
from chatapp.moderation.selectors import count_output_flags

# Trials of a run that wait or run at a time: its starter, and everybody else, shall still get answers.
AT_ONCE = 2
MAX_TRIES = 3
PATIENCE = timedelta(minutes=30)
# Not the version's fault: asked again.
_LOST = frozenset({"queue_timeout", "worker_lost", "worker_drained", "database_away", NO_MODEL})
_LATER = 429
_NO_RIGHT = "Whoever started this may not run gates any more."
_STUCK = "Nothing went on for 30 minutes. Look at the workers page whether one serves the version."
log = structlog.get_logger(__name__)


def sweep_gates() -> list[UUID]:
    """One step of each live run. Returns those that a worker with models has to go on with."""
    waiting = list(GateRun.objects.filter(state__in=LIVE_GATE).order_by("created_at").values_list("pk", flat=True))
    return [run_id for run_id in waiting if continue_gate(run_id=run_id)]


@transaction.atomic
def continue_gate(*, run_id: UUID) -> bool:
    """One step; whether only what needs a worker is left. Nothing for a run that is over or in somebody's hands."""
    held = GateRun.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk=run_id, state__in=LIVE_GATE)
    run = held.select_related("version", "started_by", "baseline").first()
    if run is None:
        return False
    if run.started_by is None or not can(run.started_by, "evaluation.run_gate"):
        fail_gate(run, _NO_RIGHT)
        return False
    if run.version.state in WITHDRAWN:
        fail_gate(run, f"{run.version.name} is {run.version.state}: it answers nobody any more.")
        return False
    graded = _grade_ended(run)
    asked = _ask_some(run)
    if graded or asked:
        GateRun.objects.filter(pk=run.pk, state__in=LIVE_GATE).update(
            state=GateState.RUNNING, done=_results(run).exclude(passed=None).count(), progressed_at=Now()
        )
    if not asked and _is_stuck(run):
        fail_gate(run, _STUCK)
        return False
    return _results(run).exclude(suite=Suite.LOAD).filter(passed=None).count() == 0 and _needs_worker(run)


def _unjudged(run: GateRun | OuterRef) -> QuerySet[GateResult]:
    """Answers that the judge has not graded; those that broke need no judge."""
    graded = Q(suite=Suite.LOAD) | Q(grades__has_key="judge") | Q(grades__has_key="error")
    return GateResult.objects.filter(run=run).exclude(graded)


def _results(run: GateRun) -> QuerySet[GateResult]:
    return GateResult.objects.filter(run=run)


def _grade_ended(run: GateRun) -> int:
    asked = list(_results(run).filter(passed=None).exclude(generation_id=None))
    trials = Generation.objects.select_related("message").in_bulk([one.generation_id for one in asked])
    return sum(_settle(run, one, trials.get(one.generation_id)) for one in asked if one.generation_id)


def _settle(run: GateRun, result: GateResult, trial: Generation | None) -> bool:
    """Whether it was graded. A trial that is gone or was lost is asked again."""
    if trial is not None and trial.is_live:
        return False
    lost = trial is None or (trial.status in {Status.FAILED, Status.INTERRUPTED} and trial.error_code in _LOST)
    if lost and result.tries < MAX_TRIES:
        result.generation_id, result.tries = None, result.tries + 1
        result.save(update_fields=["generation_id", "tries"])
        return False
    answer = _answer(trial) if trial is not None else Answer("", is_broken=True)
    expected = Expected.from_dict(result.expected)
    graded = grade(result.suite, expected, answer, system_prompt=run.version.system_prompt or SYSTEM_PROMPT)
    result.passed, result.grades = graded.passed, graded.grades
    result.answer, result.cited = answer.text, list(answer.cited)
    if trial is not None:
        result.status, result.error_code = trial.status, trial.error_code
        if trial.claimed_at and trial.finished_at:
            result.milliseconds = round(1000 * (trial.finished_at - trial.claimed_at).total_seconds(), 1)
    result.save()
    return True


def _answer(trial: Generation) -> Answer:
    cited = Source.objects.filter(message_id=trial.message_id, cited=True).values_list("document_name", flat=True)
    return Answer(
        trial.message.text,
        cited=tuple(dict.fromkeys(cited)),
        is_refusal=is_refusal(trial.message.text),
        is_broken=trial.status not in {Status.COMPLETE, Status.BLOCKED, Status.RETRACTED},
        is_blocked=trial.status in {Status.BLOCKED, Status.RETRACTED},
        is_flagged=count_output_flags(trial.pk) > 0,
    )


def _ask_some(run: GateRun) -> int:
    """How many were asked. What finds no room waits for a later step."""
    open_ones = _results(run).filter(passed=None).exclude(suite=Suite.LOAD)
    room = AT_ONCE - open_ones.exclude(generation_id=None).count()
    if room <= 0 or people_wait() or is_load_tested():
        return 0
    asked = 0
    for result in open_ones.filter(generation_id=None).select_related("collection")[:room]:
        try:
            _ask(run, result)
        except ChatappError as error:
            if error.status != _LATER:
                fail_gate(run, error.message)
            return asked
        asked += 1
    return asked


def is_load_tested() -> bool:
    """Whether a worker measures a gate now: trials of others would keep it from all its streams, as people do."""
    held = GateRun.objects.filter(state__in=LIVE_GATE, lease__isnull=False, lease_until__gt=Now())
    return held.filter(Q(setup__judge="") | ~Exists(_unjudged(OuterRef("pk")))).exists()


def _ask(run: GateRun, result: GateResult) -> None:
    """Raises ChatappError."""
    if run.started_by is None:
        return
    with transaction.atomic():
        trial = ask_trial(
            user=run.started_by, text=result.question, version=run.version, collections=_collections(run, result)
        )
        result.generation_id = trial.pk
        result.save(update_fields=["generation_id"])


def _collections(run: GateRun, result: GateResult) -> list[str]:
    """Of the safety set none: it asks the model, not the documents."""
    if result.collection is not None:
        return [result.collection.slug]
    return run.setup["collections"] if result.suite == Suite.REFUSAL else []


def _is_stuck(run: GateRun) -> bool:
    return GateRun.objects.filter(pk=run.pk, state__in=LIVE_GATE, progressed_at__lt=Now() - PATIENCE).exists()


def _needs_worker(run: GateRun) -> bool:
    """True while judge or load test are due and no worker has them in hand; else the run is completed."""
    is_load_due = _results(run).filter(suite=Suite.LOAD, passed=None).exists()
    if not is_load_due and not (run.setup["judge"] and _unjudged(run).exists()):
        complete_gate(run)
        return False
    return GateRun.objects.filter(UNLEASED, pk=run.pk, state__in=LIVE_GATE).exists()
