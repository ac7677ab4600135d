"""Whether a model fits beside what is loaded, in words."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import DatabaseError

from chatapp.inference.engine import EngineError
from chatapp.inference.engine.build import is_loaded, offers_gpu
from chatapp.inference.engine.estimate import MemoryNeed, estimate_memory
from chatapp.inference.engine.memory import free_device_memory, free_memory
from chatapp.inference.engine.selftest import Plan
from chatapp.inference.models import ModelVersion
from chatapp.inference.pool.needs import NotNowError, check_needs


@dataclass(frozen=True, slots=True)
class Shortage:
    where: str
    needed_bytes: int
    free_bytes: int

    def __str__(self) -> str:
        needed, free = _gigabytes(self.needed_bytes), _gigabytes(self.free_bytes)
        return f"needs {needed} of {self.where}, {free} are free"


def estimate_for(plan: Plan) -> MemoryNeed:
    """Raises EngineError."""
    return estimate_memory(
        plan.path,
        slots=plan.slots,
        context_per_slot=plan.context_per_slot,
        gpu_layers=plan.gpu_layers if _has_gpu() else 0,
        options=plan.options,
    )


def find_obstacle(version: ModelVersion, *, could_go: Iterable[MemoryNeed]) -> EngineError | None:
    """Why the version could not be loaded now, even if all that `could_go` went; its files are looked at."""
    try:
        plan = check_needs(version)
        shortage = find_shortage(estimate_for(plan), could_go=could_go) if plan else None
    except EngineError as error:
        return error
    except DatabaseError as error:
        return NotNowError(f"The database does not answer ({type(error).__name__}).")
    return NotNowError(f"{version.name} {shortage}.") if shortage else None


def find_shortage(need: MemoryNeed, *, could_go: Iterable[MemoryNeed] = ()) -> Shortage | None:
    """None when it fits, once what `could_go` has gone.

    A GPU's memory is asked for once llama.cpp has proved itself in this process.
    """
    going = list(could_go)
    free = free_memory() + sum(other.host_bytes for other in going)
    if need.host_bytes > free:
        return Shortage("memory", need.host_bytes, free)
    if not is_loaded():
        return None
    free = free_device_memory() + sum(other.device_bytes for other in going)
    return Shortage("GPU memory", need.device_bytes, free) if need.device_bytes > free else None


def _has_gpu() -> bool:
    if not is_loaded():
        return offers_gpu()
    from chatapp.inference.engine.devices import list_gpus

    return bool(list_gpus())


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
