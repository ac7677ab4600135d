"""llama.cpp's context: decoding a batch, and the KV cache by sequence. Only the engine thread may use it."""

import ctypes
from typing import Any

import numpy as np

from chatapp.inference.engine.backend import Chunk, Outcome, Sampler
from chatapp.inference.engine.errors import EngineError
from chatapp.inference.engine.model import Model
from chatapp.inference.engine.native import explain_failure, llama_cpp
from chatapp.inference.engine.options import CacheType, EngineOptions, FlashAttention
from chatapp.inference.engine.samplers import Logits, make_sampler
from chatapp.inference.engine.samplers import Sampler as RowSampler
from chatapp.inference.engine.sampling import Sampling

_FLASH_ATTENTION: dict[FlashAttention, int] = {"auto": -1, "off": 0, "on": 1}
# ggml's numbers of its types.
_CACHE_TYPES: dict[CacheType, int] = {
    "f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "bf16": 30,
}  # fmt: skip


class Context:
    def __init__(
        self,
        model: Model,
        *,
        cells: int,
        sequences: int,
        outputs: int,
        shares_cells: bool,
        batch_size: int,
        threads: int,
        options: EngineOptions,
    ) -> None:
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = cells
        parameters.n_batch = batch_size
        parameters.n_ubatch = min(batch_size, 512)
        parameters.n_seq_max = sequences
        parameters.n_outputs_max = outputs
        parameters.n_threads = parameters.n_threads_batch = threads
        # In a common buffer each token looks at the cells of all sequences, if only to skip them.
        parameters.kv_unified = shares_cells
        parameters.flash_attn_type = _FLASH_ATTENTION[options.flash_attention]
        parameters.type_k = parameters.type_v = _CACHE_TYPES[options.cache_type]
        self.handle = llama_cpp.llama_init_from_model(model.handle, parameters)
        if not self.handle:
            raise EngineError(f"llama.cpp cannot make a context of {cells:,} tokens{explain_failure()}")
        if model.adapters and not _apply_adapters(self.handle, model.adapters):
            self.free()
            raise EngineError(f"llama.cpp cannot apply the model's adapters{explain_failure()}")
        self.cells: int = llama_cpp.llama_n_ctx(self.handle)
        self._memory = llama_cpp.llama_get_memory(self.handle)
        self._model = model
        self._shares_cells = shares_cells
        self._batch = _Batch(batch_size)
        self._places: list[int] = []
        self._rows: Logits | None = None

    def decode(self, chunks: list[Chunk]) -> Outcome:
        self._batch.fill(chunks)
        self._rows = None
        status: int = llama_cpp.llama_decode(self.handle, self._batch.struct)
        if status == 0:
            self._places = self._batch.output_places()
            return Outcome.DONE
        return Outcome.CACHE_FULL if status == 1 else Outcome.FAILED

    def output(self, number: int) -> tuple[Logits, int]:
        """The logits of an output of the last batch, valid until the next decode, and its place in the batch."""
        if self._rows is None:
            pointer = llama_cpp.llama_get_logits(self.handle)
            self._rows = np.ctypeslib.as_array(pointer, shape=(len(self._places), self._model.vocabulary_size))
        return self._rows[number], self._places[number]

    def make_sampler(self, sampling: Sampling) -> Sampler:
        return _OutputSampler(self, make_sampler(sampling, model=self._model))

    def truncate(self, sequence: int, length: int) -> bool:
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, sequence, length, -1))

    def copy(self, *, source: int, target: int, length: int) -> None:
        if self._shares_cells:
            llama_cpp.llama_memory_seq_cp(self._memory, source, target, 0, length)
        else:
            # Between buffers only the whole can be copied.
            llama_cpp.llama_memory_seq_cp(self._memory, source, target, -1, -1)
            self.truncate(target, length)

    def free(self) -> None:
        if self.handle:
            llama_cpp.llama_free(self.handle)
            self.handle = None


class _OutputSampler:
    """A sampler that finds the logits by the number of their output."""

    def __init__(self, context: Context, sampler: RowSampler) -> None:
        self._context = context
        self._sampler = sampler

    def choose(self, output: int) -> int:
        row, place = self._context.output(output)
        return self._sampler.choose(row, context=self._context.handle, index=place)

    def free(self) -> None:
        self._sampler.free()


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
            self._outputs[end - chunk.outputs : end] = 1
            start = end
        self.struct.n_tokens = start

    def output_places(self) -> list[int]:
        return [int(place) for place in np.flatnonzero(self._outputs[: self.struct.n_tokens])]


def _apply_adapters(context: Any, adapters: list[tuple[Any, float]]) -> bool:
    count = len(adapters)
    handles = (llama_cpp.llama_adapter_lora_p_ctypes * count)(
        *(ctypes.cast(handle, llama_cpp.llama_adapter_lora_p_ctypes) for handle, _scale in adapters)
    )
    scales = (ctypes.c_float * count)(*(scale for _handle, scale in adapters))
    return bool(llama_cpp.llama_set_adapters_lora(context, handles, count, scales) == 0)


def _pointer(array: np.ndarray[Any, Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
