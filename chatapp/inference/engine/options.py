"""How a model is computed: llama.cpp's settings by name, and the checks of those that a model version carries."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from chatapp.inference.engine.checks import check_boolean, check_choice, check_integer, check_number
from chatapp.inference.engine.errors import OptionsError

FlashAttention = Literal["auto", "on", "off"]
CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"]
SplitMode = Literal["layer", "row", "none"]

# llama.cpp's own limit of devices.
_MAX_GPUS = 16
_MAX_ADAPTERS = 8
_MAX_SCALE = 10.0
_MAX_DRAFT_TOKENS = 64
_MAX_TEMPLATE_CHARACTERS = 100_000
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter in a GGUF file of its own, applied to every answer with `scale`."""

    path: Path
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a model is computed, apart from the sizes. Raises `OptionsError` for values that exclude each other.

    `tensor_split` gives each GPU's share; () lets llama.cpp divide by free memory. `split_mode` says what is divided:
    whole layers, the rows of each matrix, or nothing, with all on `main_gpu`. `cache_type` is what keys and values of
    the KV cache are stored as. `extra_buffers` None repacks weights for the CPU where that is known to be safe.
    `draft_tokens` is the longest guess of prompt-lookup speculation; 0 turns it off. `chat_template` is used instead
    of the one in the file.
    """

    flash_attention: FlashAttention = "auto"
    cache_type: CacheType = "f16"
    tensor_split: tuple[float, ...] = ()
    split_mode: SplitMode = "layer"
    main_gpu: int = 0
    adapters: tuple[Adapter, ...] = ()
    extra_buffers: bool | None = None
    draft_tokens: int = 0
    chat_template: str = ""

    def __post_init__(self) -> None:
        if self.flash_attention == "off" and self.cache_type.startswith("q"):
            raise OptionsError(f"A KV cache of {self.cache_type} needs flash attention, which is off.")
        if self.split_mode == "none" and self.tensor_split:
            raise OptionsError("tensor_split divides a model between GPUs; split_mode none keeps it on one.")


def parse_options(values: Mapping[str, object], *, models: Path = Path()) -> EngineOptions:
    """The options of a model version, from `ModelVersion.engine_options`.

    An adapter is given as `{"sha256": ..., "scale": ...}` and becomes the file `<sha256>.gguf` in `models`; it is for
    the caller to see that it is there and has that hash. Raises `OptionsError` naming the first option that is
    unknown, of a wrong type or out of its range.
    """
    checked: dict[str, object] = {}
    for name, value in values.items():
        if name in _PARSERS:
            checked[name] = _PARSERS[name](name, value)
        elif name == "adapters":
            checked[name] = _parse_adapters(value, models=models)
        else:
            raise OptionsError(f"{str(name)[:60]} is not an engine option.")
    return EngineOptions(**checked)  # type: ignore[arg-type]  # each value was checked under its own name


def _parse_split(name: str, value: object) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or len(value) > _MAX_GPUS:
        raise OptionsError(f"{name} is a list of at most {_MAX_GPUS} numbers.")
    shares = tuple(check_number(f"A share in {name}", share, 0, 1e6, error=OptionsError) for share in value)
    if shares and not any(shares):
        raise OptionsError(f"{name} gives every GPU nothing.")
    return shares


def _parse_template(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEMPLATE_CHARACTERS:
        raise OptionsError(f"{name} is a text of at most {_MAX_TEMPLATE_CHARACTERS:,} characters.")
    return value


def _parse_adapters(value: object, *, models: Path) -> tuple[Adapter, ...]:
    if not isinstance(value, list | tuple) or len(value) > _MAX_ADAPTERS:
        raise OptionsError(f"adapters is a list of at most {_MAX_ADAPTERS} adapters.")
    return tuple(_parse_adapter(item, models=models) for item in value)


def _parse_adapter(value: object, *, models: Path) -> Adapter:
    if not isinstance(value, Mapping) or not {"sha256"} <= set(value) <= {"sha256", "scale"}:
        raise OptionsError("An adapter has a sha256 and, if wanted, a scale.")
    sha256 = value["sha256"]
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise OptionsError("The sha256 of an adapter has 64 hexadecimal digits.")
    scale = check_number("The scale of an adapter", value.get("scale", 1), -_MAX_SCALE, _MAX_SCALE, error=OptionsError)
    return Adapter(models / f"{sha256}.gguf", scale)


_PARSERS: dict[str, Callable[[str, object], object]] = {
    "flash_attention": lambda name, value: check_choice(name, value, get_args(FlashAttention), error=OptionsError),
    "cache_type": lambda name, value: check_choice(name, value, get_args(CacheType), error=OptionsError),
    "tensor_split": _parse_split,
    "split_mode": lambda name, value: check_choice(name, value, get_args(SplitMode), error=OptionsError),
    "main_gpu": lambda name, value: check_integer(name, value, 0, _MAX_GPUS - 1, error=OptionsError),
    "extra_buffers": lambda name, value: None if value is None else check_boolean(name, value, error=OptionsError),
    "draft_tokens": lambda name, value: check_integer(name, value, 0, _MAX_DRAFT_TOKENS, error=OptionsError),
    "chat_template": _parse_template,
}
