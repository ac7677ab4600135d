"""Reading a check's JSON with errors that name the field."""

from collections.abc import Mapping
from typing import Any

MAX_BUDGET_MS = 60_000
DEFAULT_BUDGET_MS = 2_000


class FieldError(ValueError):
    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")


def text_list(spec: Mapping[str, Any], field: str, *, most: int, longest: int) -> list[str]:
    """A list of distinct, non-empty texts; empty when the field is missing. Raises FieldError."""
    value = spec.get(field, [])
    if not isinstance(value, list):
        raise FieldError(field, "must be a list of texts.")
    if len(value) > most:
        raise FieldError(field, f"has {len(value)} entries; the limit is {most}.")
    for number, item in enumerate(value):
        if not isinstance(item, str) or not item.strip():
            raise FieldError(f"{field}[{number}]", "must be a text that is not empty.")
        if len(item) > longest:
            raise FieldError(f"{field}[{number}]", f"has {len(item)} characters; the limit is {longest}.")
        if not is_storable(item):
            raise FieldError(f"{field}[{number}]", "contains a character that cannot be stored.")
    return list(dict.fromkeys(value))


def number_in(spec: Mapping[str, Any], field: str, *, least: float, most: float, default: float) -> float:
    """Raises FieldError."""
    value = spec.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise FieldError(field, f"must be a number from {least:g} to {most:g}.")
    return float(value)


def truth(spec: Mapping[str, Any], field: str, *, default: bool) -> bool:
    """Raises FieldError."""
    value = spec.get(field, default)
    if not isinstance(value, bool):
        raise FieldError(field, "must be true or false.")
    return value


def text_of(spec: Mapping[str, Any], field: str, *, longest: int) -> str:
    """Raises FieldError."""
    value = spec.get(field)
    if not isinstance(value, str) or not value.strip() or len(value) > longest or not is_storable(value):
        raise FieldError(field, f"must be a text of 1 to {longest} characters.")
    return value


def budget_of(spec: Mapping[str, Any]) -> float:
    """Seconds that one look may take. Raises FieldError."""
    return number_in(spec, "budget_ms", least=1, most=MAX_BUDGET_MS, default=DEFAULT_BUDGET_MS) / 1000


def is_storable(text: str) -> bool:
    """Neither NUL nor a lone surrogate: PostgreSQL keeps neither."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
