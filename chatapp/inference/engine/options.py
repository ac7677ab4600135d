from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FlashAttention = Literal["auto", "on", "off"]
CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter in a GGUF file of its own, applied to every answer with `scale`."""

    path: Path
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a model is computed, apart from the sizes; the answers stay those of the same model.

    `tensor_split` gives each GPU's share; () lets llama.cpp divide by free memory. `cache_type` is what keys and
    values of the KV cache are stored as. `extra_buffers` None repacks weights for the CPU where that is known to be
    safe. `draft_tokens` is the longest guess of prompt-lookup speculation; 0 turns it off.
    """

    flash_attention: FlashAttention = "auto"
    cache_type: CacheType = "f16"
    tensor_split: tuple[float, ...] = ()
    main_gpu: int = 0
    adapters: tuple[Adapter, ...] = ()
    extra_buffers: bool | None = None
    draft_tokens: int = 0
