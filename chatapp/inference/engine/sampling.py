"""Sampling parameters: OpenAI's names and llama.cpp's few extra, checked before they reach a sampler."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chatapp.inference.engine.checks import check_boolean, check_integer, check_number
from chatapp.inference.engine.errors import SamplingError

_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
}
_MAX_TOP_K = 1_000
_MAX_SEED = 2**32 - 2
_MAX_BIASED_TOKENS = 300
_MAX_BIAS = 100.0
_MAX_STOP_STRINGS = 8
_MAX_STOP_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Sampling:
    """`top_k` 0 means all tokens; `seed` None means a random one; `min_p` is relative to the likeliest token."""

    temperature: float = 0.7
    top_p: float = 1.0
    top_k: int = 40
    min_p: float = 0.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    ignore_eos: bool = False

    @property
    def is_plain_greedy(self) -> bool:
        return self.temperature == 0 and not (self.frequency_penalty or self.presence_penalty or self.logit_bias)


def parse_sampling(values: Mapping[str, object] | None) -> Sampling:
    """Raise `SamplingError` naming the first parameter that is unknown, of a wrong type or out of its range."""
    checked: dict[str, object] = {}
    for name, value in (values or {}).items():
        if value is None:
            continue
        if name in _RANGES:
            checked[name] = check_number(name, value, *_RANGES[name], error=SamplingError)
        elif name == "top_k":
            checked[name] = check_integer(name, value, 0, _MAX_TOP_K, error=SamplingError)
        elif name == "seed":
            checked[name] = check_integer(name, value, 0, _MAX_SEED, error=SamplingError)
        elif name == "ignore_eos":
            checked[name] = check_boolean(name, value, error=SamplingError)
        elif name == "logit_bias":
            checked[name] = _logit_bias(value)
        else:
            raise SamplingError(f"{str(name)[:60]} is not a sampling parameter.")
    return Sampling(**checked)  # type: ignore[arg-type]  # each value was checked under its own name


def parse_stop(stop: Sequence[str]) -> tuple[str, ...]:
    if isinstance(stop, str) or len(stop) > _MAX_STOP_STRINGS:
        raise SamplingError(f"stop is a list of at most {_MAX_STOP_STRINGS} strings.")
    if not all(0 < len(item) <= _MAX_STOP_LENGTH for item in stop):
        raise SamplingError(f"Each stop string has 1 to {_MAX_STOP_LENGTH} characters.")
    return tuple(stop)


def _logit_bias(value: object) -> tuple[tuple[int, float], ...]:
    if not isinstance(value, Mapping) or len(value) > _MAX_BIASED_TOKENS:
        raise SamplingError(f"logit_bias maps at most {_MAX_BIASED_TOKENS} token ids to numbers.")
    pairs = []
    for token, bias in value.items():
        # JSON has only strings as keys.
        if not str(token).isascii() or not str(token).isdigit() or len(str(token)) > 9:
            raise SamplingError("logit_bias has token ids as keys.")
        number = check_number("A value of logit_bias", bias, -_MAX_BIAS, _MAX_BIAS, error=SamplingError)
        # OpenAI: -100 bans a token.
        pairs.append((int(token), -math.inf if number == -_MAX_BIAS else number))
    return tuple(pairs)
