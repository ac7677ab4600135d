"""Where a version stands on the workers that are alive."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from chatapp.inference.models import ModelVersion, Provider, VersionProblem, Worker, WorkerKind

State = Literal["loaded", "loading", "ready", "cannot", "elsewhere"]

# From what an operator hopes for to what he must act on: the best one is the version's own.
ORDER: tuple[State, ...] = ("loaded", "loading", "ready", "cannot", "elsewhere")
_NAMES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class WorkerGroup:
    """Workers on which a version is in the same state for the same reason; `since` is the oldest."""

    state: State
    reason: str
    since: datetime | None
    workers: tuple[str, ...]

    @property
    def names(self) -> str:
        more = len(self.workers) - _NAMES_SHOWN
        shown = ", ".join(self.workers[:_NAMES_SHOWN])
        return f"{shown} and {more} more" if more > 0 else shown


@dataclass(frozen=True, slots=True)
class VersionState:
    """`state` is the best on any worker, or `nobody` when no inference worker is alive."""

    version: ModelVersion
    state: State | Literal["nobody"]
    groups: list[WorkerGroup]

    @property
    def has_problem(self) -> bool:
        return any(group.state == "cannot" for group in self.groups)

    @property
    def needs_no_loading(self) -> bool:
        return self.version.provider != Provider.LLAMA_CPP


def version_states(
    versions: Iterable[ModelVersion], *, workers: Sequence[Worker], problems: Iterable[VersionProblem]
) -> list[VersionState]:
    """`workers` as `list_workers_with_versions_for` gives them."""
    alive = [worker for worker in workers if worker.kind == WorkerKind.INFERENCE and getattr(worker, "alive", False)]
    known = {(problem.version_id, problem.worker): problem for problem in problems}
    return [_state(version, alive, known) for version in versions]


def _state(
    version: ModelVersion, alive: Sequence[Worker], problems: dict[tuple[UUID, str], VersionProblem]
) -> VersionState:
    found: dict[tuple[State, str], list[tuple[str, datetime | None]]] = {}
    for worker in alive:
        problem = problems.get((version.id, worker.name))
        key = state_on(version, worker, problem), problem.reason if problem else ""
        found.setdefault(key, []).append((worker.name, problem.since if problem else None))
    groups = [
        WorkerGroup(
            state=state,
            reason=reason,
            since=min((since for _, since in on if since), default=None),
            workers=tuple(name for name, _ in on),
        )
        for (state, reason), on in sorted(found.items(), key=lambda item: ORDER.index(item[0][0]))
    ]
    return VersionState(version, groups[0].state if groups else "nobody", groups)


def state_on(version: ModelVersion, worker: Worker, problem: VersionProblem | None) -> State:
    """A problem counts before what the worker said in its last heartbeat."""
    if problem is not None:
        return "cannot"
    if version in worker.loaded.all():
        return "loaded"
    if version in worker.loading.all():
        return "loading"
    return "ready" if version in worker.serves.all() else "elsewhere"
