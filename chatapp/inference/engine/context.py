"""llama.cpp's context: decoding a batch, and the KV cache by sequence. Only the engine thread may use it."""

import ctypes
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from chatapp.inference.engine.errors import EngineError
from chatapp.inference.engine.model import Model
from chatapp.inference.engine.native import llama_cpp
from chatapp.inference.engine.options import CacheType, EngineOptions, FlashAttention
from chatapp.inference.engine.samplers import Logits

_FLASH_ATTENTION: dict[FlashAttention, int] = {"auto": -1, "off": 0, "on": 1}
# ggml's numbers of its types.
_CACHE_TYPES: dict[CacheType, int] = {
    "f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "bf16": 30,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens of one sequence at `position`; with `wants_logits`, those after its last token are computed."""

    sequence: int
    position: int
    tokens: list[int]
    wants_logits: bool


class Outcome(Enum):
    DONE = "done"
    CACHE_FULL = "cache_full"  # nothing of the batch was kept
    FAILED = "failed"  # what was kept of the batch is not known


class Context:
    def __init__(
        self, model: Model, *, cells: int, sequences: int, batch_size: int, threads: int, options: EngineOptions
    ) -> None:
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = cells
        parameters.n_batch = batch_size
        parameters.n_ubatch = min(batch_size, 512)
        parameters.n_seq_max = sequences
        parameters.n_outputs_max = sequences
        parameters.n_threads = parameters.n_threads_batch = threads
        # One buffer for all sequences: with one each, a batch of mixed lengths falls apart into small ones.
        parameters.kv_unified = True
        parameters.flash_attn_type = _FLASH_ATTENTION[options.flash_attention]
        parameters.type_k = parameters.type_v = _CACHE_TYPES[options.cache_type]
        self.handle = llama_cpp.llama_init_from_model(model.handle, parameters)
        if not self.handle:
            raise EngineError(f"There is not enough memory for a context of {cells:,} tokens.")
        self.cells: int = llama_cpp.llama_n_ctx(self.handle)
        self._memory = llama_cpp.llama_get_memory(self.handle)
        self._vocabulary_size = model.vocabulary_size
        self._batch = _Batch(batch_size)

    def decode(self, chunks: list[Chunk]) -> Outcome:
        self._batch.fill(chunks)
        status: int = llama_cpp.llama_decode(self.handle, self._batch.struct)
        if status == 0:
            return Outcome.DONE
        return Outcome.CACHE_FULL if status == 1 else Outcome.FAILED

    def logits(self) -> tuple[list[int], Logits]:
        """The outputs of the last batch: their places in it, and one row each, valid until the next decode."""
        places = self._batch.output_places()
        pointer = llama_cpp.llama_get_logits(self.handle)
        rows = np.ctypeslib.as_array(pointer, shape=(len(places), self._vocabulary_size))
        return places, rows

    def truncate(self, sequence: int, length: int) -> bool:
        """Forget all but the first `length` tokens; False when this kind of model cannot do so in part."""
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, sequence, length, -1))

    def copy(self, *, source: int, target: int, length: int) -> None:
        """Let `target`, which is empty, begin with the first `length` tokens of `source`. No cell is duplicated."""
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def free(self) -> None:
        if self.handle:
            llama_cpp.llama_free(self.handle)
            self.handle = None


class _Batch:
    """A `llama_batch` whose arrays belong to numpy, so that filling one is a few copies."""

    def __init__(self, capacity: int) -> None:
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._sequences = np.zeros(capacity, np.int32)
        self._sequence_counts = np.ones(capacity, np.int32)
        self._outputs = np.zeros(capacity, np.int8)
        # llama.cpp wants a list of sequences for each token: here always a list of one.
        self._sequence_lists = self._sequences.ctypes.data + 4 * np.arange(capacity, dtype=np.uintp)
        self.struct = llama_cpp.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, llama_cpp.llama_token),
            pos=_pointer(self._positions, llama_cpp.llama_pos),
            n_seq_id=_pointer(self._sequence_counts, ctypes.c_int32),
            seq_id=_pointer(self._sequence_lists, ctypes.POINTER(llama_cpp.llama_seq_id)),
            logits=_pointer(self._outputs, ctypes.c_int8),
        )

    def fill(self, chunks: list[Chunk]) -> None:
        start = 0
        for chunk in chunks:
            end = start + len(chunk.tokens)
            self._tokens[start:end] = chunk.tokens
            self._positions[start:end] = np.arange(chunk.position, chunk.position + len(chunk.tokens))
            self._sequences[start:end] = chunk.sequence
            self._outputs[start:end] = 0
            self._outputs[end - 1] = chunk.wants_logits
            start = end
        self.struct.n_tokens = start

    def output_places(self) -> list[int]:
        return [int(place) for place in np.flatnonzero(self._outputs[: self.struct.n_tokens])]


def _pointer(array: np.ndarray[Any, Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
