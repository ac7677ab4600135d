"""What the product's processes used, by role, from /proc."""

import os
from collections.abc import Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# PostgreSQL gives each connection a process of its own, so a role is a process with its children.
ROLES = {"web": "web", "worker": "inference", "valkey": "valkey", "postgres": "postgres"}
_PARENT, _USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM = 1, 11, 12, 13, 14

Usage = dict[str, float]


def cpu_seconds(pids: Mapping[str, int]) -> Usage:
    """CPU seconds so far of each role, and of everything else that the product runs, as `rest`."""
    stats = _read_stats()
    roles = {**{role: pids[name] for role, name in ROLES.items()}}
    used = {role: _of_family(stats, pid) for role, pid in roles.items()}
    others = [pid for name, pid in pids.items() if name not in {*ROLES.values(), "supervisor"}]
    return {**used, "rest": sum(_of_family(stats, pid) for pid in others)}


def own_cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def memory_kib(pid: int) -> float:
    """The process's own share of memory (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return float(line.split()[1])
    return 0.0


def _of_family(stats: Mapping[int, list[int]], pid: int) -> float:
    """Its own time, that of its children, and that of the children that have ended."""
    family = [fields for one, fields in stats.items() if one == pid or fields[_PARENT] == pid]
    ended = stats[pid][_CHILDREN_USER] + stats[pid][_CHILDREN_SYSTEM]
    return (sum(fields[_USER] + fields[_SYSTEM] for fields in family) + ended) / _TICKS


def _read_stats() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(path.parent.name)] = [0, *map(int, fields[1:20])]
    return found
