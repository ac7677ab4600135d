"""What the machine and the build offer. llama.cpp is asked by a child process: a broken build ends who loads it."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from chatapp.inference.engine.cpus import default_threads
from chatapp.inference.engine.errors import EngineError

_COMMAND = (sys.executable, "-m", "chatapp.inference.doctor.machine")
_SECONDS = 60
_CPUINFO = Path("/proc/cpuinfo")
_TOPOLOGY = Path("/sys/devices/system/cpu")
_NVIDIA = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    description: str
    memory_free: int
    memory_total: int


@dataclass(frozen=True, slots=True)
class Machine:
    """`threads` are those that this process may use, by affinity and quota; `cores` have a core of its own each.

    `processor_features` are the names of the kernel, `build_features` those of ggml. Memory is in bytes.
    """

    version: str
    processor: str
    processor_features: list[str]
    build_features: list[str]
    threads: int
    cores: int
    memory_free: int
    can_offload: bool
    gpus: list[Gpu]
    has_nvidia_gpu: bool
    wait_policy: str


def examine() -> Machine:
    """Raises EngineError when llama.cpp cannot be loaded, with what to do."""
    try:
        done = subprocess.run(_COMMAND, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise EngineError(f"llama.cpp was not loaded within {_SECONDS} seconds: a GPU may not answer.") from None
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise EngineError(
            f"llama.cpp ends the process that loads it ({name}). It was compiled for another processor, or is damaged: "
            "remove .venv and the wheels in ~/.cache/chatapp/wheels, then run make install."
        )
    if done.returncode > 0:
        last = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise EngineError(f"llama.cpp cannot be loaded: {last[:300]}")
    values: dict[str, Any] = json.loads(done.stdout)
    return Machine(**{**values, "gpus": [Gpu(**gpu) for gpu in values["gpus"]]})


def _look() -> Machine:
    from chatapp.inference.engine.devices import list_gpus
    from chatapp.inference.engine.memory import free_memory
    from chatapp.inference.engine.native import llama_cpp, start_backend

    start_backend()
    facts = _read_cpuinfo()
    threads = default_threads()
    return Machine(
        version=metadata.version("llama-cpp-python"),
        processor=facts.get("model name", "unknown"),
        processor_features=facts.get("flags", facts.get("Features", "")).split(),
        build_features=_features(llama_cpp.llama_print_system_info().decode("utf-8", "replace")),
        threads=threads,
        cores=min(threads, _count_cores()),
        memory_free=free_memory(),
        can_offload=bool(llama_cpp.llama_supports_gpu_offload()),
        gpus=[Gpu(gpu.name, gpu.description, gpu.memory_free, gpu.memory_total) for gpu in list_gpus()],
        has_nvidia_gpu=_NVIDIA.is_dir() and any(_NVIDIA.iterdir()),
        wait_policy=os.environ.get("OMP_WAIT_POLICY", ""),
    )


def _features(system_info: str) -> list[str]:
    """The names in `CPU : AVX = 1 | AVX2 = 1 | CUDA : ARCHS = 900 | ...` that are switched on."""
    pairs = (part.rpartition(":")[2].split("=") for part in system_info.split("|") if "=" in part)
    return [name.strip() for name, value in pairs if value.strip() not in {"", "0"}]


def _read_cpuinfo() -> dict[str, str]:
    """Of the first processor."""
    try:
        lines = _CPUINFO.read_text().split("\n\n", maxsplit=1)[0].splitlines()
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _colon, value in (line.partition(":") for line in lines)}


def _count_cores() -> int:
    """Cores of those threads that this process may use: two threads of one core are hardly faster than one."""
    siblings = set()
    for thread in os.sched_getaffinity(0):
        try:
            siblings.add((_TOPOLOGY / f"cpu{thread}/topology/thread_siblings_list").read_text())
        except OSError:
            siblings.add(str(thread))
    return len(siblings)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_look())))
