"""A worker as an operator looks at it: is it alive, what can it answer, what is wrong and what to do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal
from uuid import UUID

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.console.read_models.worker_actions import Action, actions_for
from chatapp.console.selectors import list_problems_for
from chatapp.conversations.queue import count_running, count_waiting
from chatapp.inference.health import list_sole_servers
from chatapp.inference.live_figures import LiveFigures, ModelFigures, load_figures
from chatapp.inference.models import ModelVersion, VersionProblem, Worker, WorkerKind, WorkerOrder
from chatapp.inference.selectors import list_orders_for

Condition = Literal["gone", "ejected", "problem", "partly", "draining", "drained", "ready", "starting"]

# What needs a person first. A worker that is gone comes last: after a restart its successor stands above it.
_ORDER: tuple[Condition, ...] = (
    "problem", "partly", "draining", "drained", "starting", "ready", "ejected", "gone",
)  # fmt: skip
CONDITIONS: dict[Condition, str] = {
    "problem": "Problem",
    "partly": "Problem with a version",
    "draining": "Draining",
    "drained": "Drained",
    "starting": "Starting",
    "ready": "Ready",
    "ejected": "Ejected",
    "gone": "Gone",
}
_TODO: dict[Condition, str] = {
    "gone": "Its process has ended or cannot reach the database. The supervisor starts another, which shows here under "
    "a new number; if none does within a minute, read the end of {log} on its machine. Answers that it held go on "
    "elsewhere or are offered for retry.",
    "ejected": "Its answers were given up. If its process is still there after a minute, end it on its machine.",
    "problem": "It answers nothing until this is solved. Read the end of {log} on its machine, then restart it.",
    "partly": "Other versions still answer here. A missing file or memory is looked for again by itself; after other "
    "repairs press “Try again” for the version on the page Models, and “Load” for one that was unloaded.",
    "draining": "It claims nothing more; its running answers finish.",
    "drained": "No answer runs here, and it claims none: its machine can be worked on. A new process answers again.",
    "starting": "It loads a model and claims nothing yet. If this lasts longer than five minutes, read {log}.",
    "ready": "",
}
_ORDERS_READ = 200
_ORDERS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """`figures` are None while Redis tells none."""

    version: ModelVersion
    figures: ModelFigures | None


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """`problems` are of versions that cannot answer on it; `can_answer` names what is not loaded but would be.

    `waiting` counts the questions that wait for versions that it serves.
    """

    worker: Worker
    condition: Condition
    todo: str
    problems: list[VersionProblem]
    models: list[LoadedModel]
    loading: list[str]
    can_answer: list[str]
    waiting: int
    figures: LiveFigures | None = None
    actions: list[Action] = field(default_factory=list)
    orders: list[WorkerOrder] = field(default_factory=list)

    @property
    def label(self) -> str:
        return CONDITIONS[self.condition]

    @property
    def loaded(self) -> list[str]:
        return [model.version.name for model in self.models]

    @property
    def busy(self) -> int:
        return self.figures.busy if self.figures else self.worker.busy


@dataclass(frozen=True, slots=True)
class Overview:
    """Inference only. `tokens_per_second` is None while Redis tells none."""

    ready: int
    alive: int
    busy: int
    slots: int
    waiting: int
    tokens_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is read once for all rows. `figures` is None when Redis cannot be asked."""

    problems: Mapping[str, list[VersionProblem]]
    figures: Mapping[str, LiveFigures] | None
    waiting: Mapping[UUID, int]
    running: Mapping[str, int]
    sole: Mapping[UUID, str]
    orders: Mapping[str, list[WorkerOrder]]
    may_order: bool


def read_facts(user: User, workers: Sequence[Worker]) -> Facts:
    names = [worker.name for worker in workers]
    orders: dict[str, list[WorkerOrder]] = {}
    for order in list_orders_for(user).filter(worker__in=names)[:_ORDERS_READ]:
        orders.setdefault(order.worker, []).append(order)
    return replace(
        read_conditions(user, workers),
        waiting=count_waiting(),
        running=count_running(),
        sole=list_sole_servers(),
        orders=orders,
        may_order=can(user, "inference.manage_worker"),
    )


def read_conditions(user: User, workers: Sequence[Worker]) -> Facts:
    """Only what tells how they are, in one query: for the overview."""
    problems: dict[str, list[VersionProblem]] = {}
    for problem in list_problems_for(user):
        problems.setdefault(problem.worker, []).append(problem)
    figures = load_figures([worker.name for worker in workers])
    return Facts(problems, figures, waiting={}, running={}, sole={}, orders={}, may_order=False)


def overview(rows: Sequence[WorkerRow], *, waiting: int) -> Overview:
    alive = [
        row for row in rows if row.condition not in {"gone", "ejected"} and row.worker.kind == WorkerKind.INFERENCE
    ]
    rates = [row.figures.tokens_per_second for row in alive if row.figures]
    return Overview(
        ready=sum(row.condition in {"ready", "partly"} and row.worker.ready for row in alive),
        alive=len(alive),
        busy=sum(row.busy for row in alive),
        slots=sum(row.worker.slots for row in alive),
        waiting=waiting,
        tokens_per_second=sum(rates) if rates else None,
    )


def worker_rows(*, user: User, workers: Sequence[Worker], facts: Facts | None = None) -> list[WorkerRow]:
    """`workers` as `list_workers_with_versions_for` gives them."""
    facts = facts or read_facts(user, workers)
    rows = [_row(worker, facts) for worker in workers]
    return sorted(rows, key=lambda row: _ORDER.index(row.condition))


def _row(worker: Worker, facts: Facts) -> WorkerRow:
    problems = facts.problems.get(worker.name, [])
    condition = _condition(worker, problems)
    loaded = sorted(worker.loaded.all(), key=str)
    serves, loading = _names(worker.serves.all()), _names(worker.loading.all())
    others = {*map(str, loaded), *loading, *(problem.version.name for problem in problems)}
    figures = (facts.figures or {}).get(worker.name)
    told = {model.version: model for model in figures.models} if figures else {}
    sole = {version for version, name in facts.sole.items() if name == worker.name}
    running, is_alive = facts.running.get(worker.name, 0), condition != "gone"
    able = {version.id for version in (*loaded, *worker.serves.all())}
    return WorkerRow(
        worker=worker,
        condition=condition,
        todo=_TODO[condition].format(log=f"log/{WorkerKind(worker.kind).value}.log"),
        problems=problems,
        models=[LoadedModel(version, told.get(str(version.id))) for version in loaded],
        loading=loading,
        can_answer=[name for name in serves if name not in others],
        waiting=sum(count for version, count in facts.waiting.items() if version in able),
        figures=figures,
        actions=actions_for(worker, is_alive=is_alive, loaded=loaded, sole=sole, running=running)
        if facts.may_order
        else [],
        orders=list(islice(facts.orders.get(worker.name, []), _ORDERS_SHOWN)),
    )


def _names(versions: Iterable[ModelVersion]) -> list[str]:
    return sorted(version.name for version in versions)


def _condition(worker: Worker, problems: list[VersionProblem]) -> Condition:
    if worker.ejected_at is not None:
        return "ejected"
    if not getattr(worker, "alive", False):
        return "gone"
    if worker.problem:
        return "problem"
    if worker.is_draining:
        return "drained" if worker.drained_at else "draining"
    if problems:
        return "partly"
    return "ready" if worker.ready else "starting"
