"""Requests and answers of servers that have shapes of their own: a JSON template and a path, both checked.

In a template a text that is a placeholder is replaced: `$prompt` (the conversation as text), `$system`, `$question`
(its last message), `$messages` (as OpenAI has them), `$max_tokens`, `$stop`, and `$temperature` and its likes. A field
whose placeholder has no value is left out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chatapp.inference.engine.errors import RequestError
from chatapp.inference.engine.types import ChatMessage
from chatapp.inference.providers.backend import Question
from chatapp.inference.providers.errors import ProviderError
from chatapp.inference.providers.presets.preset import LOCAL

_TEXTS = ("$prompt", "$question", "$messages")
_PLACEHOLDERS = {*_TEXTS, "$system", "$max_tokens", "$stop", *(f"${name}" for name in LOCAL)}
_MAX_TEMPLATE_BYTES = 20_000
_MAX_DEPTH = 12
_ABSENT = object()
_SPEAKERS = {"user": "User", "assistant": "Assistant"}


def check_template(template: Mapping[str, Any]) -> None:
    """Raises `RequestError` with a sentence."""
    if _depth(template) > _MAX_DEPTH or len(json.dumps(template)) > _MAX_TEMPLATE_BYTES:
        raise RequestError(f"request has at most {_MAX_TEMPLATE_BYTES:,} characters and {_MAX_DEPTH} levels.")
    found = set(_placeholders(template))
    if unknown := sorted(found - _PLACEHOLDERS):
        raise RequestError(f"{unknown[0][:60]} is not a placeholder of request.")
    if not found & set(_TEXTS):
        raise RequestError(f"request needs one of the placeholders {', '.join(_TEXTS)}.")


def sampling_of(template: Mapping[str, Any]) -> tuple[str, ...]:
    """The sampling parameters that the template has a place for."""
    found = set(_placeholders(template))
    return tuple(name for name in LOCAL if f"${name}" in found)


def fill(template: Mapping[str, Any], question: Question) -> Any:
    values: dict[str, object] = {
        "$prompt": _as_text(question.messages),
        "$question": question.messages[-1]["content"],
        "$system": "\n\n".join(one["content"] for one in question.messages if one["role"] == "system"),
        "$messages": [dict(message) for message in question.messages],
        "$max_tokens": question.max_tokens,
        "$stop": list(question.stop) or _ABSENT,
        **{f"${name}": value for name, value in question.sampling.items()},
    }
    return _filled(template, values)


def find_text(body: bytes, path: str) -> str:
    """The text at `path` in the answer, such as `predictions.0.text`; the whole answer for "". Raises ProviderError."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        if not path:
            return body.decode("utf-8", "replace")  # A server may answer in plain text.
        raise ProviderError("The provider's answer is no JSON.", retryable=False) from None
    try:
        for part in filter(None, path.split(".")):
            found = found[int(part)] if isinstance(found, list) else found[part]
    except (ValueError, TypeError, KeyError, IndexError):
        raise ProviderError("The provider's answer has nothing where its text should be.", retryable=False) from None
    if not isinstance(found, str):
        raise ProviderError("The provider's answer has no text where it should be.", retryable=False)
    return found


def _as_text(messages: Sequence[ChatMessage]) -> str:
    """For models that know no roles: one turn after the other, open for the answer."""
    turns = [
        one["content"] if one["role"] == "system" else f"{_SPEAKERS[one['role']]}: {one['content']}" for one in messages
    ]
    return "\n\n".join([*turns, "Assistant:"])


def _filled(value: Any, values: Mapping[str, object]) -> Any:
    if isinstance(value, dict):
        filled = {key: _filled(one, values) for key, one in value.items()}
        return {key: one for key, one in filled.items() if one is not _ABSENT}
    if isinstance(value, list):
        return [one for one in (_filled(item, values) for item in value) if one is not _ABSENT]
    if isinstance(value, str) and value in _PLACEHOLDERS:
        return values.get(value, _ABSENT)
    return value


def _placeholders(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("$"):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _placeholders(one)


def _depth(value: Any, above: int = 0) -> int:
    if above > _MAX_DEPTH or not isinstance(value, dict | list):
        return above
    inside = value.values() if isinstance(value, dict) else value
    return max((_depth(one, above + 1) for one in inside), default=above + 1)
