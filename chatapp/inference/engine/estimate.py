"""How much memory a model will take, told from its header before anything is loaded."""

import math
from dataclasses import dataclass
from pathlib import Path

from chatapp.inference.artifacts.gguf import Header, InvalidGGUFError, Scalar, Tensor, read_header
from chatapp.inference.engine.errors import EngineError
from chatapp.inference.engine.options import CacheType, EngineOptions

# As the engine makes its context; a test compares.
_UNIT_BATCH = 512
# Bytes of one element of the KV cache.
_CACHE_BYTES: dict[CacheType, float] = {
    "f32": 4, "f16": 2, "bf16": 2, "q8_0": 34 / 32, "q5_1": 24 / 32, "q5_0": 22 / 32, "q4_1": 20 / 32, "q4_0": 18 / 32,
}  # fmt: skip
# llama.cpp rounds each slot's cache up to whole blocks of cells.
_CELLS_IN_A_BLOCK = 256


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """In bytes. Weights that are repacked for the CPU count once: the pages they were read from can be dropped."""

    weights_bytes: int
    cache_bytes: int
    compute_bytes: int
    device_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.cache_bytes + self.compute_bytes

    @property
    def host_bytes(self) -> int:
        return self.total_bytes - self.device_bytes


def estimate_memory(
    path: Path, *, slots: int, context_per_slot: int, gpu_layers: int, options: EngineOptions
) -> MemoryNeed:
    """What an `Engine` of these sizes takes beside the process itself; `gpu_layers` -1 is all, 0 none.

    Raises EngineError when the file is damaged or says nothing of its layers.
    """
    try:
        model = _Shape(read_header(path))
        adapters = sum(sum(tensor.size_bytes for tensor in read_header(a.path).tensors) for a in options.adapters)
    except InvalidGGUFError as error:
        raise EngineError(str(error)) from error
    cells = slots * math.ceil(context_per_slot / _CELLS_IN_A_BLOCK) * _CELLS_IN_A_BLOCK
    weights = model.weights_bytes + adapters
    cache = model.cache_bytes(cells=cells, sequences=slots, element_bytes=_CACHE_BYTES[options.cache_type])
    compute = model.compute_bytes(cells=cells, sequences=slots, flash=options.flash_attention != "off")
    offloaded = model.layers + 1 if gpu_layers < 0 else min(gpu_layers, model.layers + 1)
    device = 0
    if offloaded:
        share = min(1.0, offloaded / model.layers)
        device = model.device_weights(offloaded) + adapters + round(share * cache) + compute
    return MemoryNeed(weights, cache, compute, min(device, weights + cache + compute))


class _Shape:
    """What a header says of the model's sizes."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._architecture = header.metadata.get("general.architecture")
        self.layers = self._size("block_count")
        self._width = self._size("embedding_length")
        if not self.layers or not self._width:
            raise EngineError("The file does not say how many layers the model has, or how wide they are.")
        self._tensors = {tensor.name: tensor for tensor in header.tensors}
        self.weights_bytes = sum(tensor.size_bytes for tensor in header.tensors)

    def device_weights(self, offloaded: int) -> int:
        """Of the last `offloaded` layers, of which one is the output; the table of embeddings stays with the CPU."""
        first = self.layers + 1 - offloaded
        on_device = [tensor for tensor in self._tensors.values() if _layer_of(tensor, output=self.layers) >= first]
        size = sum(tensor.size_bytes for tensor in on_device)
        table = self._tensors.get("token_embd.weight")
        return size + (table.size_bytes if table and "output.weight" not in self._tensors else 0)

    def cache_bytes(self, *, cells: int, sequences: int, element_bytes: float) -> int:
        """Keys and values of all layers; where a layer keeps a state instead, one for each sequence."""
        heads = self._per_layer("attention.head_count")
        cached_heads = self._per_layer("attention.head_count_kv") if self._has("attention.head_count_kv") else heads
        head_width = self._width // max(1, *heads)
        wide = self._size("attention.key_length", head_width) + self._size("attention.value_length", head_width)
        state = self._size("ssm.inner_size") * (self._size("ssm.state_size") + self._size("ssm.conv_kernel"))
        stateful = sum(count == 0 for count in cached_heads) if state else 0
        return round(cells * sum(cached_heads) * wide * element_bytes) + stateful * sequences * state * 4

    def compute_bytes(self, *, cells: int, sequences: int, flash: bool) -> int:
        """Of the largest batch at once. The factors were measured; see the test that compares with a real load."""
        experts = self._size("expert_used_count") * self._size("expert_feed_forward_length")
        inner = max(*self._per_layer("feed_forward_length"), experts)
        activations = 4 * _UNIT_BATCH * (4 * self._width + 3 * inner)
        attention = (
            2 * _UNIT_BATCH * cells
            if flash
            else 4 * _UNIT_BATCH * cells * (1 + max(self._per_layer("attention.head_count")))
        )
        table = self._tensors.get("token_embd.weight")
        outputs = 4 * sequences * (table.shape[-1] if table else 0)
        return activations + attention + outputs

    def _has(self, key: str) -> bool:
        return f"{self._architecture}.{key}" in self._header.metadata

    def _value(self, key: str) -> Scalar | tuple[Scalar, ...] | None:
        return self._header.metadata.get(f"{self._architecture}.{key}")

    def _size(self, key: str, default: int = 0) -> int:
        value = self._value(key)
        return value if type(value) is int and value > 0 else default

    def _per_layer(self, key: str) -> list[int]:
        """Some models say it once for all layers, some for each."""
        value = self._value(key)
        values = list(value) if isinstance(value, tuple) else [value] * self.layers
        return [item if type(item) is int and item > 0 else 0 for item in values]


def _layer_of(tensor: Tensor, *, output: int) -> int:
    """Tensors of no layer belong to the output, except the table of embeddings, which comes before all."""
    parts = tensor.name.split(".")
    if parts[0] == "blk" and len(parts) > 1 and parts[1].isdecimal():
        return int(parts[1])
    return -1 if parts[0] == "token_embd" else output
