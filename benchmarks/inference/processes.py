"""What a process used, from /proc."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_memory_mib(pid: int) -> float:
    """The largest resident size so far, pages of mapped files included."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 1024


def busy_seconds() -> float:
    """CPU time that the whole machine has spent so far on anything."""
    user, nice, system, _idle, _wait, interrupts, soft_interrupts, *_rest = (
        int(field) / _TICKS for field in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    )
    return user + nice + system + interrupts + soft_interrupts
