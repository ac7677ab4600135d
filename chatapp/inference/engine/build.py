"""Which build of llama.cpp this is, told from its files: one that is broken may end the process that loads it."""

import hashlib
import importlib.util
import json
import os
import sys
from pathlib import Path

_CPU_FACTS = ("model name", "flags", "CPU part", "Features")
_GPU_LIBRARIES = ("cuda", "hip", "vulkan", "sycl", "musa", "metal", "opencl", "cann")


def build_identity() -> str:
    """Changes with the build, the processor, the GPUs and their driver: with all that decides what works."""
    libraries = {
        path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(_library_folder().glob("*.so*"))
    }
    facts = (libraries, _processor(), _gpus(), os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def offers_gpu() -> bool:
    """Whether the build has code for some kind of GPU; whether there is one is seen when it is loaded."""
    return any(any(_library_folder().glob(f"libggml-{name}*")) for name in _GPU_LIBRARIES)


def is_loaded() -> bool:
    """Whether this process has loaded it and lives."""
    return "llama_cpp" in sys.modules


def _library_folder() -> Path:
    package = importlib.util.find_spec("llama_cpp")
    return Path(package.origin or "").parent / "lib" if package else Path()


def _processor() -> list[str]:
    lines = _read(Path("/proc/cpuinfo")).split("\n\n", maxsplit=1)[0].splitlines()
    return [line for line in lines if line.startswith(_CPU_FACTS)]


def _gpus() -> list[str]:
    driver = Path("/proc/driver/nvidia")
    return [_read(path) for path in (driver / "version", *sorted(driver.glob("gpus/*/information")))]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
