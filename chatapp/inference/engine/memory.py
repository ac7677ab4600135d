"""What memory is free: of the machine, of the container that this process runs in, of the GPUs."""

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")
# Files of a control group, by its version: the limit, what is used, and what is reported in detail.
_FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"),
    2: ("memory.max", "memory.current", "memory.stat"),
}


def free_memory() -> int:
    """Bytes that can be taken without swapping: what the kernel calls available, cut to the control groups' limits."""
    return max(0, min([_available(), *_left_in_groups()]))


def free_device_memory() -> int:
    """Bytes that are free on the GPUs which this build of llama.cpp puts layers on. Loads llama.cpp."""
    from chatapp.inference.engine.devices import list_gpus

    return sum(gpu.memory_free for gpu in list_gpus())


def _available() -> int:
    fields = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024


def _left_in_groups() -> list[int]:
    """For this process's group and each above it that has a limit. Pages of files that can be dropped are free."""
    left = []
    for version, folder in _own_groups():
        for group in (folder, *folder.parents):
            limit_name, usage_name, stat_name = _FILES[version]
            try:
                limit = (group / limit_name).read_text().strip()
                usage = int((group / usage_name).read_text())
                stat = dict(line.split() for line in (group / stat_name).read_text().splitlines())
            except (OSError, ValueError):
                continue  # the root group, a group of another container, or no control groups at all
            if limit != "max":
                droppable = int(stat.get("total_inactive_file", stat.get("inactive_file", "0")))
                left.append(int(limit) - usage + droppable)
    return left


def _own_groups() -> list[tuple[int, Path]]:
    try:
        lines = _OWN_GROUPS.read_text().splitlines()
    except OSError:
        return []
    groups = []
    for line in lines:
        _number, controllers, path = line.split(":", 2)
        if not controllers:
            groups.append((2, _GROUPS / path.lstrip("/")))
        elif "memory" in controllers.split(","):
            groups.append((1, _GROUPS / "memory" / path.lstrip("/")))
    return groups
