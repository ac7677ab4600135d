"""Settings for a model on a machine: the most that fits, with room left for everything else."""

from dataclasses import dataclass
from pathlib import Path

from chatapp.inference.artifacts.gguf import read_header
from chatapp.inference.doctor.machine import Machine
from chatapp.inference.engine.errors import EngineError
from chatapp.inference.engine.estimate import MemoryNeed, estimate_memory
from chatapp.inference.engine.options import CacheType, EngineOptions

# Of the memory that is free now.
_USABLE = 0.9
_DEFAULT_CONTEXT = 8192
_SLOTS_ON_GPU = 16
_SLOTS_ON_MANY_CORES, _MANY_CORES = 8, 16
_SLOTS_ON_FEW_CORES = 4
_CACHE_TYPES: tuple[CacheType, ...] = ("f16", "q8_0")


@dataclass(frozen=True, slots=True)
class Advice:
    slots: int
    context_tokens: int
    gpu_layers: int
    cache_type: CacheType
    threads: int
    need: MemoryNeed


def advise(path: Path, machine: Machine, *, slots: int | None = None, context: int | None = None) -> Advice:
    """Fewer slots rather than a coarser cache, both rather than layers left to the CPU.

    Raises EngineError when the file is damaged or the model fits in no way; ArtifactError when it is no GGUF.
    """
    known, layers = _sizes(path)
    context = min(context or _DEFAULT_CONTEXT, known)
    wanted = slots or _usual_slots(machine)
    fewest = wanted if slots else 1
    for gpu_layers in (-1, *range(layers, 0, -1), 0) if machine.gpus else (0,):
        for cache_type in _CACHE_TYPES:
            count = wanted
            while count >= fewest:
                need = _estimate(path, slots=count, context=context, gpu_layers=gpu_layers, cache_type=cache_type)
                if _fits(need, machine):
                    return Advice(count, context, gpu_layers, cache_type, machine.cores, need)
                count //= 2
    raise EngineError(_too_big(path, machine, slots=fewest, context=context))


def _sizes(path: Path) -> tuple[int, int]:
    """Tokens of context that the model knows, and its layers."""
    facts = read_header(path).metadata
    architecture = facts.get("general.architecture")
    known, layers = facts.get(f"{architecture}.context_length"), facts.get(f"{architecture}.block_count")
    if not isinstance(known, int) or not isinstance(layers, int):
        raise EngineError(f"{path.name} does not say how long a context the model knows, or its layers.")
    return known, min(layers, 1000)


def _usual_slots(machine: Machine) -> int:
    if machine.gpus:
        return _SLOTS_ON_GPU
    return _SLOTS_ON_MANY_CORES if machine.cores >= _MANY_CORES else _SLOTS_ON_FEW_CORES


def _estimate(path: Path, *, slots: int, context: int, gpu_layers: int, cache_type: CacheType) -> MemoryNeed:
    options = EngineOptions(cache_type=cache_type)
    return estimate_memory(path, slots=slots, context_per_slot=context, gpu_layers=gpu_layers, options=options)


def _fits(need: MemoryNeed, machine: Machine) -> bool:
    on_gpus = sum(gpu.memory_free for gpu in machine.gpus)
    return need.host_bytes <= _USABLE * machine.memory_free and need.device_bytes <= _USABLE * on_gpus


def _too_big(path: Path, machine: Machine, *, slots: int, context: int) -> str:
    need = _estimate(path, slots=slots, context=context, gpu_layers=0, cache_type="q8_0")
    return (
        f"{path.name} with {slots} slots of {context:,} tokens needs {need.total_bytes / 1e9:.1f} GB; "
        f"{machine.memory_free / 1e9:.1f} GB are free. Choose a smaller or more quantized model, or a shorter context."
    )
