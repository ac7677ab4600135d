"""Which models go: those that nobody needs, and those that are needed least when another one needs their place."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from chatapp.inference.pool.entry import Entry

UNROUTED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Demand:
    """`routed` versions are named by some route; the `kept` one answers most questions and stays.

    Those that are `rolling` stay while memory allows it: a rollout may need each of its two at any moment.
    """

    routed: Collection[UUID] = ()
    kept: UUID | None = None
    rolling: Collection[UUID] = ()

    def spares(self, entry: Entry) -> bool:
        return entry.is_pinned or entry.version.id == self.kept or entry.version.id in self.rolling


def unneeded(entries: Iterable[Entry], demand: Demand, *, idle_seconds: float, now: float) -> list[Entry]:
    """Idle for `idle_seconds` (0: never), or for a minute where no route names them. Not pinned and rolling ones."""
    idle = [entry for entry in entries if entry.is_idle() and not demand.spares(entry)]
    return [entry for entry in idle if _is_over(entry, demand, idle_seconds=idle_seconds, now=now)]


def least_needed(entries: Iterable[Entry], demand: Demand) -> Entry | None:
    """Of the idle ones, first those that no route names, then by how long they have been idle; pinned ones last."""
    idle = [entry for entry in entries if entry.is_idle() and entry.version.id != demand.kept]
    order = lambda entry: (entry.is_pinned, entry.version.id in demand.routed, entry.last_used)  # noqa: E731
    return min(idle, key=order, default=None)


def _is_over(entry: Entry, demand: Demand, *, idle_seconds: float, now: float) -> bool:
    idle = now - entry.last_used
    if entry.version.id not in demand.routed:
        return idle >= UNROUTED_SECONDS
    return 0 < idle_seconds <= idle
