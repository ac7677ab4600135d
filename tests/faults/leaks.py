"""What may leak, measured while nothing runs: memory and file descriptors of each process, and what they share."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.faults.scene import Scene

ROLES = ("web", "inference", "pipeline", "beat")
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_LIVE = "SELECT count(*) FROM conversations_generation WHERE status IN ('queued', 'answering')"


@dataclass(frozen=True)
class Figures:
    """`processes` by role and id, so that a process that was started anew is not compared with the one before it."""

    processes: dict[tuple[str, int], tuple[int, int]]  # to memory in KB and open file descriptors
    shared: dict[str, float]


def measure(scene: Scene) -> Figures:
    pids = scene.stack.pids
    return Figures(
        processes={(role, pids[role]): (scene.memory_of(role), _count_files(pids[role])) for role in ROLES},
        shared={
            "database connections": float(scene.stack.rows(_CONNECTIONS)[0][0]),
            "live answers": float(scene.stack.rows(_LIVE)[0][0]),
            "busy slots": scene.count_busy_slots(),
            "sockets of web": float(_count_sockets(pids["web"])),
            "keys in Valkey": float(scene.stack.valkey().dbsize()),
        },
    )


def compare(first: dict[tuple[str, int], tuple[int, int]], before: Figures, after: Figures) -> list[str]:
    """One line a figure. `first` are the figures of every process when it was first measured."""
    lines = [f"{'figure':32} {'before':>10} {'after':>10}"]
    for (role, pid), (memory, files) in sorted(after.processes.items()):
        old_memory, old_files = first.get((role, pid), (memory, files))
        lines.append(f"{f'memory of {role} ({pid}), MB':32} {old_memory / 1024:10.0f} {memory / 1024:10.0f}")
        lines.append(f"{f'files of {role} ({pid})':32} {old_files:10} {files:10}")
    lines += [f"{name:32} {before.shared[name]:10.0f} {value:10.0f}" for name, value in after.shared.items()]
    return lines


def _count_files(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def _count_sockets(pid: int) -> int:
    links = [_read_link(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    return sum(bool(re.match(r"socket:", link)) for link in links)


def _read_link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""  # Closed while we looked.
