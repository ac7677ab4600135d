"""The part of a gate that needs a worker with models: what the judge says of the answers, and the load test."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from uuid import UUID, uuid4

import structlog
from django.db import close_old_connections, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from chatapp.accounts.permissions import can
from chatapp.evaluation.gate.graders import Expected
from chatapp.evaluation.gate.judging import judge_answer, reference_of
from chatapp.evaluation.gate.load import LoadFigures, LoadTest, NotMeasuredError
from chatapp.evaluation.models import LIVE_GATE, GateResult, GateRun, GateState, Suite
from chatapp.evaluation.selectors.gates import recent_load_of
from chatapp.evaluation.services.gate_ends import fail_gate
from chatapp.inference.defaults import SYSTEM_PROMPT
from chatapp.inference.engine import ChatModel, EngineError
from chatapp.inference.models import ModelVersion, Task
from chatapp.inference.selectors import get_version_by_name
from chatapp.inference.services import record_side_work
from chatapp.leases import UNLEASED

LEASE = timedelta(seconds=60)
RETRY_AFTER = timedelta(seconds=15)
RENEW_SECONDS = 3.0
MAX_ATTEMPTS = 3
_NO_LOAD = "Judge or load test could not be run: the workers page says whether both can be loaded. Start it again."
_BUSY = "People needed the worker all the time, so the load test could not be run. Start it again at a quiet hour."
Using = Callable[[ModelVersion], AbstractContextManager[ChatModel]]
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Bench:
    """The worker as a gate sees it. `room` is how many streams may run beside people's answers now.

    `using` lends a model, and loads it where need be. It raises EngineError.
    """

    worker: str
    slots: int
    serves: Callable[[ModelVersion], bool]
    using: Using
    room: Callable[[], int]
    is_leaving: Callable[[], bool]


class LostError(Exception):
    """Cancelled, taken over, or the worker drains."""


def measure_gate(*, run_id: UUID, bench: Bench) -> None:
    """Nothing for a run that is over, in other hands, or for another worker."""
    hands = _claim(run_id, bench)
    if hands is None:
        return
    try:
        hands.judge()
        hands.measure_load()
        hands.let_go(attempts=0)
    except LostError:
        hands.let_go(attempts=F("attempts") - 1)
    except NotMeasuredError:
        fail_gate(hands.run, _BUSY)
    except EngineError as error:
        log.warning("gate_not_measured", gate=str(run_id), reason=str(error))
        hands.fail_or_retry()
    except Exception:
        log.exception("gate_not_measured", gate=str(run_id))
        hands.fail_or_retry()


def _claim(run_id: UUID, bench: Bench) -> "_Hands | None":
    lease = uuid4()
    live = GateRun.objects.filter(UNLEASED, pk=run_id, state__in=LIVE_GATE)
    run = live.select_related("version", "started_by").first()
    if run is None:
        return None
    wanted = run.setup["worker"]
    if run.started_by is None or not can(run.started_by, "evaluation.run_gate"):
        return None  # The next step of the sweep ends it.
    if (wanted and wanted != bench.worker) or not bench.serves(run.version):
        return None  # The next sweep sends it again, until a worker takes it that can.
    if not live.update(lease=lease, lease_until=Now() + LEASE, attempts=F("attempts") + 1, progressed_at=Now()):
        return None
    run.refresh_from_db()
    return _Hands(run, bench, lease)


@dataclass
class _Hands:
    """A worker that holds the run by its lease."""

    run: GateRun
    bench: Bench
    lease: UUID
    _renewed: float = field(default=0.0)

    def judge(self) -> None:
        """Answers that broke need no judge. One that says nothing readable leaves the answer without such a grade."""
        name = self.run.setup["judge"]
        waiting = self._results().exclude(suite=Suite.LOAD).exclude(grades__has_key="judge")
        if not name or not waiting.exclude(grades__has_key="error").exists():
            return
        judge = get_version_by_name(name)
        with self.bench.using(judge) as model:
            for result in waiting.exclude(grades__has_key="error"):
                self._judge_one(result, judge, model)

    def _judge_one(self, result: GateResult, judge: ModelVersion, model: ChatModel) -> None:
        self.renew()
        reference = reference_of(result.suite, Expected.from_dict(result.expected))
        grade = None
        if reference and result.answer:
            grade, usage = judge_answer(
                model,
                judge.provider,
                question=result.question,
                reference=reference,
                answer=result.answer,
                goes_on=self.goes_on,
            )
            record_side_work(
                user_id=self.run.started_by_id,
                version_id=judge.pk,
                task=Task.JUDGE,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
            )
        result.grades = {**result.grades, "judge": grade}
        result.save(update_fields=["grades"])

    def measure_load(self) -> None:
        """Beside the serving version, measured in the same way on this worker: a day ago at most, else now."""
        waiting = self._results().filter(suite=Suite.LOAD, passed=None).first()
        if waiting is None:
            return
        streams = self.run.setup["streams"] or self.bench.slots
        before = self._serving_load(streams)
        load = self._load(self.run.version, streams)
        figures: dict[str, object] = {
            **self.run.figures,
            "load": load.as_dict(),
            "load_before": before,
            "load_errors": float(load.errors),
            "speed": load.speed,
            "first_token_p95": load.first_token_p95,
        }
        if before is not None:
            figures["speed_ratio"] = _ratio(load.speed, before["speed"])
            figures["first_token_ratio"] = _ratio(load.first_token_p95, before["first_token_p95"])
        with transaction.atomic():
            if not self._row().update(figures=figures, worker=self.bench.worker, progressed_at=Now()):
                raise LostError
            waiting.passed, waiting.grades = load.errors == 0 and load.tokens > 0, {"load": load.tokens > 0}
            waiting.milliseconds = 1000 * load.seconds
            waiting.save(update_fields=["passed", "grades", "milliseconds"])

    def goes_on(self) -> bool:
        """Asked many times a second; whether the run is still ours is asked every few seconds."""
        if self.bench.is_leaving():
            return False
        try:
            self.renew()
        except LostError:
            return False
        return True

    def renew(self) -> None:
        """Raises LostError."""
        if monotonic() - self._renewed < RENEW_SECONDS:
            return
        if not self._row().update(lease_until=Now() + LEASE, state=GateState.RUNNING, progressed_at=Now()):
            raise LostError
        self._renewed = monotonic()
        close_old_connections()

    def let_go(self, **columns: object) -> None:
        self._row().update(lease=None, lease_until=None, **columns)

    def fail_or_retry(self) -> None:
        if self.run.attempts < MAX_ATTEMPTS:
            self._row().update(lease=None, lease_until=Now() + RETRY_AFTER)
        elif self._row().exists():  # else another worker goes on with it
            fail_gate(self.run, _NO_LOAD)

    def _serving_load(self, streams: int) -> dict[str, float | None] | None:
        """None where no other version serves, or not on this worker."""
        name = self.run.setup["serving"]
        if not name or name == self.run.version.name:
            return None
        serving = get_version_by_name(name)
        known = recent_load_of(serving.pk, worker=self.bench.worker, streams=streams, seconds=self.run.setup["seconds"])
        if known is not None:
            return known
        return dict(self._load(serving, streams).as_dict()) if self.bench.serves(serving) else None

    def _load(self, version: ModelVersion, streams: int) -> LoadFigures:
        """Raises EngineError, LostError, NotMeasuredError."""
        with self.bench.using(version) as model:
            test = LoadTest(
                model=model,
                system_prompt=version.system_prompt or SYSTEM_PROMPT,
                streams=streams,
                seconds=self.run.setup["seconds"],
                scope=f"gate:{uuid4()}",
                room=self.bench.room,
                goes_on=self.goes_on,
            )
            try:
                return test.run()
            except NotMeasuredError:
                self.renew_now()
                raise

    def renew_now(self) -> None:
        """Tells a run that was cancelled, or a worker that leaves, from one that people kept waiting."""
        self._renewed = 0.0
        if not self.goes_on():
            raise LostError from None

    def _row(self) -> QuerySet[GateRun]:
        return GateRun.objects.filter(pk=self.run.pk, lease=self.lease, state__in=LIVE_GATE)

    def _results(self) -> QuerySet[GateResult]:
        return GateResult.objects.filter(run=self.run)


def _ratio(value: float | None, before: float | None) -> float | None:
    return round(value / before, 3) if value is not None and before else None
