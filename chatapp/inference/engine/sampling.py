"""Sampling parameters: OpenAI's names and llama.cpp's few extra, checked before they reach a sampler."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chatapp.inference.engine.checks import check_boolean, check_integer, check_number
from chatapp.inference.engine.errors import SamplingError
from chatapp.inference.engine.grammar import parse_grammar, parse_json_schema

_MAX_TOP_K = 1_000
_MAX_SEED = 2**32 - 2
_MAX_BIASED_TOKENS = 300
_MAX_BIAS = 100.0
_MAX_STOP_STRINGS = 8
_MAX_STOP_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Sampling:
    """`top_k` 0 means all tokens; `seed` None means a random one; `min_p` is relative to the likeliest token.

    `constraint` is what `parse_grammar` or `parse_json_schema` made of the grammar that the answer must follow.
    """

    temperature: float = 0.7
    top_p: float = 1.0
    top_k: int = 40
    min_p: float = 0.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    ignore_eos: bool = False
    constraint: str = ""

    @property
    def is_plain_greedy(self) -> bool:
        """Whether each token is simply the likeliest one."""
        changed = self.frequency_penalty or self.presence_penalty or self.logit_bias or self.constraint
        return self.temperature == 0 and not changed


def parse_sampling(values: Mapping[str, object] | None) -> Sampling:
    """Raise `SamplingError` naming the first parameter that is unknown, of a wrong type or out of its range."""
    given = {name: value for name, value in (values or {}).items() if value is not None}
    constraints = [parse(given.pop(name)) for name, parse in _CONSTRAINTS.items() if name in given]
    if unknown := given.keys() - _PARSERS.keys():
        raise SamplingError(f"{min(map(str, unknown))[:60]} is not a sampling parameter.")
    checked = {name: _PARSERS[name](name, value) for name, value in given.items()}
    if len(constraints) > 1:
        raise SamplingError("An answer follows a grammar or a json_schema, not both.")
    if constraints and checked.get("ignore_eos"):
        raise SamplingError("An answer that follows a grammar ends with it, so ignore_eos cannot be given.")
    return Sampling(**checked, constraint="".join(constraints))  # type: ignore[arg-type]  # checked by name


def is_constrained(values: Mapping[str, object]) -> bool:
    """Whether the answer must follow a grammar, so that nothing may be added to it."""
    return any(values.get(name) is not None for name in _CONSTRAINTS)


def parse_stop(stop: Sequence[str]) -> tuple[str, ...]:
    if isinstance(stop, str) or len(stop) > _MAX_STOP_STRINGS:
        raise SamplingError(f"stop is a list of at most {_MAX_STOP_STRINGS} strings.")
    if not all(0 < len(item) <= _MAX_STOP_LENGTH for item in stop):
        raise SamplingError(f"Each stop string has 1 to {_MAX_STOP_LENGTH} characters.")
    return tuple(stop)


def _logit_bias(name: str, value: object) -> tuple[tuple[int, float], ...]:
    if not isinstance(value, Mapping) or len(value) > _MAX_BIASED_TOKENS:
        raise SamplingError(f"{name} maps at most {_MAX_BIASED_TOKENS} token ids to numbers.")
    pairs = []
    for token, bias in value.items():
        # JSON has only strings as keys.
        if not str(token).isascii() or not str(token).isdigit() or len(str(token)) > 9:
            raise SamplingError(f"{name} has token ids as keys.")
        number = check_number(f"A value of {name}", bias, -_MAX_BIAS, _MAX_BIAS, error=SamplingError)
        # OpenAI: -100 bans a token.
        pairs.append((int(token), -math.inf if number == -_MAX_BIAS else number))
    return tuple(pairs)


def _number(low: float, high: float) -> Callable[[str, object], float]:
    return lambda name, value: check_number(name, value, low, high, error=SamplingError)


def _integer(high: int) -> Callable[[str, object], int]:
    return lambda name, value: check_integer(name, value, 0, high, error=SamplingError)


_PARSERS: dict[str, Callable[[str, object], object]] = {
    "temperature": _number(0.0, 2.0),
    "top_p": _number(0.0, 1.0),
    "min_p": _number(0.0, 1.0),
    "frequency_penalty": _number(-2.0, 2.0),
    "presence_penalty": _number(-2.0, 2.0),
    "top_k": _integer(_MAX_TOP_K),
    "seed": _integer(_MAX_SEED),
    "ignore_eos": lambda name, value: check_boolean(name, value, error=SamplingError),
    "logit_bias": _logit_bias,
}
_CONSTRAINTS = {"grammar": parse_grammar, "json_schema": parse_json_schema}
