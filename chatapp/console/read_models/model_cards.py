"""All that is known of one version, on one page."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.accounts.models import User
from chatapp.accounts.permissions import can
from chatapp.console.rendering import render_card
from chatapp.evaluation.models import GateRun
from chatapp.evaluation.selectors import list_gates_for
from chatapp.inference.live_figures import load_figures
from chatapp.inference.models import ModelVersion, Rollout, VersionChange, WorkerKind
from chatapp.inference.registry import WeightFacts, facts_of
from chatapp.inference.selectors import list_rollouts_for, list_versions_for, live_workers

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Room:
    """What an inference worker's machine has free, of its memory and of its GPUs together."""

    worker: str
    free_bytes: int


@dataclass(frozen=True, slots=True)
class ModelCard:
    """`html` is the card as its author wrote it, safe to show."""

    version: ModelVersion
    html: str
    sources: list[str]
    facts: WeightFacts | None
    gates: Sequence[GateRun]
    rollouts: Sequence[Rollout]
    changes: Sequence[VersionChange]
    copies: Sequence[ModelVersion]
    room: Sequence[Room]

    @property
    def memory_bytes(self) -> int:
        memory = self.facts.memory if self.facts else None
        return memory.weights_bytes + memory.cache_bytes + memory.compute_bytes if memory else 0


def model_card(version: ModelVersion, *, user: User) -> ModelCard:
    """In a constant number of statements; of each list the newest."""
    rollouts = list_rollouts_for(user)
    return ModelCard(
        version=version,
        html=render_card(version.card, version_id=version.pk),
        sources=[describe_source(source) for source in version.sources],
        facts=facts_of(version),
        gates=list(list_gates_for(user).filter(version=version)[:SHOWN]),
        rollouts=list((rollouts.filter(candidate=version) | rollouts.filter(baseline=version))[:SHOWN]),
        changes=list(version.changes.select_related("actor").order_by("-at", "-id")[:SHOWN]),
        copies=list(list_versions_for(user).filter(copied_from=version)[:SHOWN]),
        room=_room(user) if version.facts else [],
    )


def _room(user: User) -> list[Room]:
    """None where Redis cannot be asked."""
    if not can(user, "inference.view_worker"):
        return []
    names = list(live_workers(WorkerKind.INFERENCE).values_list("name", flat=True)[:SHOWN])
    figures = load_figures(names) or {}
    return [Room(name, sum(device.free for device in figures[name].devices)) for name in names if name in figures]


def describe_source(source: dict[str, object]) -> str:
    """In words; secrets are not among what is stored there."""
    match source.get("kind"):
        case "hugging_face":
            return f"Hugging Face: {source.get('repository')}, {source.get('file')} ({source.get('revision', 'main')})"
        case "s3":
            return f"Bucket: {source.get('endpoint')}/{source.get('bucket')}/{source.get('key')}"
        case "file":
            return f"File on the server: {source.get('path')}"
        case "packages":
            parts = source.get("parts") or source.get("requirements") or []
            names = [str(part.get("requirement") if isinstance(part, dict) else part) for part in _as_list(parts)]
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            return f"Packages: {names[0] if names else ''}{more}"
    return str(source)


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
