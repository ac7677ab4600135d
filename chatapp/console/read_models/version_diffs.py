"""What two versions differ in: short fields by value, texts line by line."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from chatapp.inference.models import ModelVersion

_FIELDS = {
    "provider": "Provider",
    "sha256": "sha256 of the weights",
    "sources": "Sources",
    "quantization": "Quantization",
    "preset": "Kind of server",
    "external_model": "Model there",
    "may_leave_company": "Text leaves the company",
    "context_tokens": "Context",
    "sampling": "Sampling",
    "engine_options": "Engine options",
    "request_options": "Request options",
    "prompt_price": "Price of a million tokens read",
    "completion_price": "Price of a million tokens written",
    "licence": "Licence",
    "description": "Description",
}
_TEXTS = {"system_prompt": "System prompt", "chat_template": "Chat template", "card": "Card"}


@dataclass(frozen=True, slots=True)
class FieldDiff:
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class TextDiff:
    """Lines of a unified diff, without its two heading lines."""

    label: str
    lines: tuple[str, ...]


def diff_fields(left: ModelVersion, right: ModelVersion) -> list[FieldDiff]:
    """Also the addresses of endpoints, without their keys."""
    found = [FieldDiff(label, _shown(left, name), _shown(right, name)) for name, label in _FIELDS.items()]
    found.append(FieldDiff("Endpoints", _addresses(left), _addresses(right)))
    return [one for one in found if one.before != one.after]


def diff_texts(left: ModelVersion, right: ModelVersion) -> list[TextDiff]:
    return [
        TextDiff(label, tuple(_lines(getattr(left, name), getattr(right, name))))
        for name, label in _TEXTS.items()
        if getattr(left, name) != getattr(right, name)
    ]


def _lines(before: str, after: str) -> Iterator[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    for number, line in enumerate(lines):
        if number >= 2:
            yield line


def _shown(version: ModelVersion, name: str) -> str:
    value = getattr(version, name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _addresses(version: ModelVersion) -> str:
    return ", ".join(sorted(one.url for one in version.endpoints.all()))
