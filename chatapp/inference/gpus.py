"""Memory and use of NVIDIA GPUs as metrics, where the package `nvidia-ml-py` and a GPU are present."""

import importlib
from functools import cache
from typing import Any

import structlog

from chatapp.inference.metrics import GPU_MEMORY, GPU_UTILIZATION

log = structlog.get_logger(__name__)


def measure_gpus() -> None:
    nvml = _nvml()
    if nvml is None:
        return
    try:
        for index in range(nvml.nvmlDeviceGetCount()):
            gpu = nvml.nvmlDeviceGetHandleByIndex(index)
            memory = nvml.nvmlDeviceGetMemoryInfo(gpu)
            for kind in ("used", "free", "total"):
                GPU_MEMORY.labels(gpu=str(index), kind=kind).set(getattr(memory, kind))
            GPU_UTILIZATION.labels(gpu=str(index)).set(nvml.nvmlDeviceGetUtilizationRates(gpu).gpu / 100)
    except nvml.NVMLError as error:
        log.warning("gpu_not_measured", reason=str(error))


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
