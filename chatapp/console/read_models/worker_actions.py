"""What an operator may do with a worker, and what each asks before it is done."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from chatapp.conversations.services.ejecting import describe_running
from chatapp.inference.health import describe_loss
from chatapp.inference.models import ModelVersion, OrderKind, Worker, WorkerKind

_ASKS = {
    OrderKind.DRAIN: "Drain {worker}? It claims nothing more, and its running answers finish. You can undo this.",
    OrderKind.RESUME: "Let {worker} answer again?",
    OrderKind.UNLOAD: "Unload {version} on {worker}? It answers nothing there until it is loaded again; running "
    "answers finish first.",
    OrderKind.EJECT: "Eject {worker}? Do this when it hangs: all its answers are given up at once, and it is told to "
    "end. Its supervisor starts another one.",
}
_LABELS = {
    OrderKind.DRAIN: "Drain",
    OrderKind.RESUME: "Answer again",
    OrderKind.UNLOAD: "Unload",
    OrderKind.EJECT: "Eject",
}


@dataclass(frozen=True, slots=True)
class Action:
    """`asks` is what the dialog says; `is_confirmed`: it has said what is lost, so the order may say so."""

    kind: OrderKind
    label: str
    asks: str
    is_confirmed: bool
    version: ModelVersion | None = None


def actions_for(
    worker: Worker, *, is_alive: bool, loaded: Sequence[ModelVersion], sole: Collection[UUID], running: int
) -> list[Action]:
    """`sole` are versions that no other worker serves; `running` is how many answers are alive on it."""
    if worker.kind != WorkerKind.INFERENCE or worker.ejected_at is not None:
        return []
    kinds: list[tuple[OrderKind, ModelVersion | None]] = [(OrderKind.EJECT, None)]
    if is_alive:
        kinds.insert(0, (OrderKind.RESUME if worker.is_draining else OrderKind.DRAIN, None))
        kinds += [(OrderKind.UNLOAD, version) for version in loaded]
    names = {version.id: version.name for version in [*loaded, *worker.serves.all()] if version.id in sole}
    return [_action(worker, kind, version, names, running) for kind, version in kinds]


def _action(
    worker: Worker, kind: OrderKind, version: ModelVersion | None, names: dict[UUID, str], running: int
) -> Action:
    lost = sorted(names.values()) if version is None else [names[version.id]] if version.id in names else []
    warnings = [] if kind == OrderKind.RESUME else [describe_loss(lost)]
    if kind == OrderKind.EJECT and running:
        warnings.append(describe_running(running))
    asks = _ASKS[kind].format(worker=worker.name, version=version.name if version else "")
    said = [warning for warning in warnings if warning]
    label = f"{_LABELS[kind]} {version.name}" if version else _LABELS[kind]
    return Action(kind, label, " ".join([asks, *said]), bool(said), version)
