"""What this process computes on, and the memory of it, as operators are told."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from chatapp.inference.engine.build import is_loaded
from chatapp.inference.engine.memory import free_memory
from chatapp.inference.gpus import list_nvidia_gpus

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class DeviceFigures:
    """In bytes. What is used of a GPU is used by all processes; of the CPU's memory `own` is this process's."""

    kind: Literal["cpu", "gpu"]
    index: int
    name: str
    total: int
    free: int
    own: int = 0

    @property
    def used(self) -> int:
        return max(0, self.total - self.free)


def measure_devices() -> list[DeviceFigures]:
    """The CPU, then the GPUs: by the driver where it can be asked, else as llama.cpp sees them once it is loaded."""
    cpu = DeviceFigures("cpu", 0, _processor(), _total_memory(), free_memory(), own=_own_memory())
    gpus = [DeviceFigures("gpu", gpu.index, gpu.name, gpu.memory_total, gpu.memory_free) for gpu in list_nvidia_gpus()]
    return [cpu, *(gpus or _llama_gpus())]


def _llama_gpus() -> list[DeviceFigures]:
    if not is_loaded():
        return []
    from chatapp.inference.engine.devices import list_gpus

    return [
        DeviceFigures("gpu", index, gpu.description, gpu.memory_total, gpu.memory_free)
        for index, gpu in enumerate(list_gpus())
    ]


@cache
def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0))
    return f"{names[0] if names else 'Processor'}, {cores} {'core' if cores == 1 else 'cores'}"


@cache
def _total_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES


def _own_memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
