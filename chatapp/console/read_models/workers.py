"""A worker as an operator looks at it: is it alive, what can it answer, what is wrong and what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from chatapp.accounts.models import User
from chatapp.console.selectors import list_problems_for
from chatapp.inference.models import ModelVersion, VersionProblem, Worker, WorkerKind

Condition = Literal["gone", "problem", "partly", "ready", "starting"]

# What needs a person first. A worker that is gone comes last: after a restart its successor stands above it.
_ORDER: tuple[Condition, ...] = ("problem", "partly", "starting", "ready", "gone")
_TODO: dict[Condition, str] = {
    "gone": "Its process has ended or cannot reach the database. The supervisor starts another, which shows here under "
    "a new number; if none does within a minute, read the end of {log} on its machine. Answers that it held go on "
    "elsewhere or are offered for retry.",
    "problem": "It answers nothing until this is solved. Read the end of {log} on its machine, then restart it.",
    "partly": "Other versions still answer here. A missing file or memory is looked for again by itself; after other "
    "repairs press “Try again” for the version on the page Models.",
    "starting": "It loads a model and claims nothing yet. If this lasts longer than five minutes, read {log}.",
    "ready": "",
}


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """`problems` are of versions that cannot answer on it; `can_answer` names what is not loaded but would be."""

    worker: Worker
    condition: Condition
    todo: str
    problems: list[VersionProblem]
    loaded: list[str]
    loading: list[str]
    can_answer: list[str]


@dataclass(frozen=True, slots=True)
class Overview:
    """Inference only."""

    ready: int
    alive: int
    busy: int
    slots: int
    waiting: int


def overview(rows: Sequence[WorkerRow], *, waiting: int) -> Overview:
    alive = [row for row in rows if row.condition != "gone" and row.worker.kind == WorkerKind.INFERENCE]
    return Overview(
        ready=sum(row.condition in {"ready", "partly"} and row.worker.ready for row in alive),
        alive=len(alive),
        busy=sum(row.worker.busy for row in alive),
        slots=sum(row.worker.slots for row in alive),
        waiting=waiting,
    )


def worker_rows(*, user: User, workers: Sequence[Worker]) -> list[WorkerRow]:
    """`workers` as `list_workers_with_versions_for` gives them."""
    problems: dict[str, list[VersionProblem]] = {}
    for problem in list_problems_for(user):
        problems.setdefault(problem.worker, []).append(problem)
    rows = [_row(worker, problems.get(worker.name, [])) for worker in workers]
    return sorted(rows, key=lambda row: _ORDER.index(row.condition))


def _row(worker: Worker, problems: list[VersionProblem]) -> WorkerRow:
    condition = _condition(worker, problems)
    loaded, loading = _names(worker.loaded.all()), _names(worker.loading.all())
    others = {*loaded, *loading, *(problem.version.name for problem in problems)}
    return WorkerRow(
        worker=worker,
        condition=condition,
        todo=_TODO[condition].format(log=f"log/{WorkerKind(worker.kind).value}.log"),
        problems=problems,
        loaded=loaded,
        loading=loading,
        can_answer=[name for name in _names(worker.serves.all()) if name not in others],
    )


def _names(versions: Iterable[ModelVersion]) -> list[str]:
    return sorted(version.name for version in versions)


def _condition(worker: Worker, problems: list[VersionProblem]) -> Condition:
    if not getattr(worker, "alive", False):
        return "gone"
    if worker.problem:
        return "problem"
    if problems:
        return "partly"
    return "ready" if worker.ready else "starting"
