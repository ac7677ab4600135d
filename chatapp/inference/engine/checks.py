"""Checks of single values that come from outside, for sampling parameters and engine options alike."""

from collections.abc import Sequence
from typing import Any

from chatapp.inference.engine.errors import EngineError


def check_number(name: str, value: object, low: float, high: float, *, error: type[EngineError]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise error(f"{name} is a number from {low:g} to {high:g}.")
    return float(value)


def check_integer(name: str, value: object, low: int, high: int, *, error: type[EngineError]) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise error(f"{name} is a whole number from {low} to {high}.")
    return value


def check_boolean(name: str, value: object, *, error: type[EngineError]) -> bool:
    if not isinstance(value, bool):
        raise error(f"{name} is true or false.")
    return value


def check_choice(name: str, value: object, choices: Sequence[str], *, error: type[EngineError]) -> Any:
    if value not in choices:
        raise error(f"{name} is one of {', '.join(choices)}.")
    return value
