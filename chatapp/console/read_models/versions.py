from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.accounts.models import User
from chatapp.inference.models import ModelVersion, Provider, Worker, WorkerKind
from chatapp.inference.selectors import list_versions_for, with_use


@dataclass(frozen=True, slots=True)
class VersionRow:
    """`weights` says in words where the model's file stands."""

    version: ModelVersion
    serves: bool
    answers: int
    workers: list[str]
    weights: str


def version_rows(*, user: User, workers: Sequence[Worker]) -> list[VersionRow]:
    """The serving version first, then the newest."""
    alive = [worker for worker in workers if worker.kind == WorkerKind.INFERENCE and getattr(worker, "alive", False)]
    rows = [_row(version, alive) for version in with_use(list_versions_for(user))]
    return sorted(rows, key=lambda row: not row.serves)


def _row(version: ModelVersion, alive: list[Worker]) -> VersionRow:
    loaded = [worker.name for worker in alive if version in worker.loaded.all()]
    return VersionRow(
        version=version,
        serves=bool(getattr(version, "serves", False)),
        answers=int(getattr(version, "answers", 0)),
        workers=loaded,
        weights=_weights(version, loaded=bool(loaded), alive=bool(alive)),
    )


def _weights(version: ModelVersion, *, loaded: bool, alive: bool) -> str:
    if version.provider == Provider.SCRIPTED:
        return "Needs no weights"
    if loaded:
        return "Loaded, hash verified"
    return "Not loaded; the first answer loads it" if alive else "Not loaded; no inference worker is alive"
