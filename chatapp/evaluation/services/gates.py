"""Release gates: started and cancelled by people, and the pass marks of the company."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.evaluation.gate.marks import Marks, as_stored, is_weaker, parse_marks
from chatapp.evaluation.gate.setup import Question, questions_for
from chatapp.evaluation.models import LIVE_GATE, GateMarks, GateResult, GateRun, GateState, Suite
from chatapp.evaluation.selectors.gates import current_marks, judge_version, latest_complete_gate
from chatapp.evaluation.services.gate_ends import stop_asked
from chatapp.inference.models import ModelVersion
from chatapp.inference.selectors import serving_version
from chatapp.inference.services import refuse_withdrawn
from chatapp.retrieval.models import GoldenQuestion
from chatapp.retrieval.selectors import list_golden_questions_of_readable

MAX_LIVE = 3


def run_gate(
    *,
    user: User,
    version: ModelVersion,
    marks: Mapping[str, object] | None = None,
    suites: Collection[str] | None = None,
    worker: str = "",
) -> GateRun:
    """Asks the version by and by, as `user`, who must still have the right then. Passed whole, it becomes evaluated.

    `marks` replace single ones of the company's; weaker ones are an override. Of some `suites` alone, it is only
    measured. `worker` names where the load test shall run. Raises ChatappError: forbidden, invalid, gate_running,
    gates_running.
    """
    require(user, "evaluation.run_gate")
    if not version.writes:
        raise ChatappError("invalid", detail=f"{version.name} answers nothing, so there is nothing to ask.")
    refuse_withdrawn(version)
    asked, company = _suites(suites), current_marks()
    chosen = parse_marks(marks or {}, over=company)
    if weaker := is_weaker(chosen, company):
        require(user, "inference.override_gate")
    golden = list_golden_questions_of_readable(user, limit=settings.GATE_QUESTIONS)
    questions = questions_for(golden, asked)
    _refuse_hollow(questions, asked)
    try:
        with transaction.atomic():
            setup = _setup(version, golden, worker)
            run = _create(user, version, questions, marks=as_stored(chosen), suites=asked, setup=setup)
            detail = {"version": version.name, "suites": asked, "weaker_marks": weaker}
            record_event(actor=user, action="evaluation.gate_started", obj=run, detail=detail)
    except IntegrityError:
        raise ChatappError("gate_running", name=version.name) from None
    return run


@transaction.atomic
def cancel_gate(*, user: User, run: GateRun) -> None:
    """What was found so far stays. Raises ChatappError: forbidden, evaluation_over."""
    require(user, "evaluation.run_gate")
    live = GateRun.objects.filter(pk=run.pk, state__in=LIVE_GATE)
    if not live.update(state=GateState.CANCELLED, lease=None, lease_until=None, finished_at=Now()):
        raise ChatappError("evaluation_over")
    stop_asked(run)
    record_event(actor=user, action="evaluation.gate_cancelled", obj=run, detail={"version": run.version.name})


@transaction.atomic
def set_marks(*, user: User, marks: Mapping[str, object]) -> Marks:
    """For all runs that begin from now on. Raises ChatappError: forbidden, invalid."""
    require(user, "evaluation.set_marks")
    before = current_marks()
    after = parse_marks(marks, over=before)
    row = GateMarks.objects.create(marks=as_stored(after), set_by=user)
    record_event(
        actor=user,
        action="evaluation.marks_changed",
        obj=row,
        before=_changed(before, after),
        after=_changed(after, before),
    )
    return after


def _setup(version: ModelVersion, golden: Sequence[GoldenQuestion], worker: str) -> dict[str, object]:
    serving, judge = serving_version(), judge_version(version)
    return {
        "collections": sorted({question.collection.slug for question in golden}),
        "judge": judge.name if judge else "",
        "serving": serving.name if serving else "",
        "seconds": settings.GATE_LOAD_SECONDS,
        "streams": settings.GATE_LOAD_STREAMS,
        "worker": worker,
    }


def _create(user: User, version: ModelVersion, questions: Sequence[Question], **columns: object) -> GateRun:
    if GateRun.objects.filter(state__in=LIVE_GATE).count() >= MAX_LIVE:
        raise ChatappError("gates_running", limit=MAX_LIVE)
    serving = serving_version()
    run = GateRun.objects.create(
        version=version,
        baseline=latest_complete_gate(serving.pk) if serving else None,
        total=len(questions),
        started_by=user,
        **columns,
    )
    GateResult.objects.bulk_create(
        GateResult(
            run=run,
            ordinal=number,
            suite=question.suite,
            collection_id=question.collection_id,
            name=question.name,
            question=question.text,
            expected=question.expected.as_dict(),
        )
        for number, question in enumerate(questions)
    )
    return run


def _suites(chosen: Collection[str] | None) -> list[str]:
    suites = list(Suite.values) if chosen is None else [suite for suite in Suite.values if suite in set(chosen)]
    if not suites or set(chosen or ()) - set(Suite.values):
        raise ChatappError("invalid", detail=f"suites must be some of {', '.join(Suite.values)}.")
    return suites


def _refuse_hollow(questions: Sequence[Question], suites: Collection[str]) -> None:
    """A gate that asks no golden question says nothing of the answers that people will get."""
    if Suite.GOLDEN in suites and not any(question.suite == Suite.GOLDEN for question in questions):
        raise ChatappError(
            "invalid", detail="no collection that you may read has a golden question with a source. Add one first."
        )


def _changed(marks: Marks, other: Marks) -> dict[str, Any]:
    return as_stored({key: mark for key, mark in marks.items() if mark != other[key]})
