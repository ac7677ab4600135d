"""NVIDIA GPUs as metrics and figures, where the package `nvidia-ml-py` and a GPU are present."""

import importlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog

from chatapp.inference.metrics import GPU_MEMORY, GPU_UTILIZATION

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NvidiaGpu:
    """Memory in bytes; `utilization` 0 to 1, of the last moment."""

    index: int
    name: str
    memory_total: int
    memory_used: int
    memory_free: int
    utilization: float


def list_nvidia_gpus() -> list[NvidiaGpu]:
    """Of the machine; none where the driver cannot be asked."""
    nvml = _nvml()
    if nvml is None:
        return []
    try:
        return [_describe(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError as error:
        log.warning("gpu_not_measured", reason=str(error))
        return []


def measure_gpus() -> None:
    for gpu in list_nvidia_gpus():
        for kind in ("used", "free", "total"):
            GPU_MEMORY.labels(gpu=str(gpu.index), kind=kind).set(getattr(gpu, f"memory_{kind}"))
        GPU_UTILIZATION.labels(gpu=str(gpu.index)).set(gpu.utilization)


def _describe(nvml: Any, index: int) -> NvidiaGpu:
    gpu = nvml.nvmlDeviceGetHandleByIndex(index)
    memory, name = nvml.nvmlDeviceGetMemoryInfo(gpu), nvml.nvmlDeviceGetName(gpu)
    return NvidiaGpu(
        index=index,
        name=name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name),
        memory_total=memory.total,
        memory_used=memory.used,
        memory_free=memory.free,
        utilization=nvml.nvmlDeviceGetUtilizationRates(gpu).gpu / 100,
    )


@cache
def _nvml() -> Any:
    """None without the package, the driver or a GPU."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    return nvml
