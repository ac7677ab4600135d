"""How an external version is asked: `ModelVersion.request_options`, checked."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chatapp.inference.engine.errors import RequestError

SystemRole = Literal["system", "developer", "user"]
MaxTokensField = Literal["max_tokens", "max_completion_tokens"]
AuthHeader = Literal["bearer", "api-key", "ocp-apim-subscription-key"]
CredentialKind = Literal["key", "token_file", "client_credentials"]


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """Seconds are floats. None takes the preset's own value, or means no limit for the two rates.

    `first_token_seconds` bounds one try from its request to its first text (to its end, where nothing streams),
    `inter_token_seconds` each pause after that, `wait_seconds` everything before the first text together: a free
    place, the rate limit and further tries. `concurrency` counts answers of one worker, the rates those of all.
    `sampling` narrows the parameters that the preset takes to those that the model takes.
    """

    connect_seconds: float = 5.0
    first_token_seconds: float = 30.0
    inter_token_seconds: float = 30.0
    wait_seconds: float = 90.0
    answer_seconds: float = 600.0
    max_retries: int = 2
    concurrency: int = 16
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    probe_seconds: float = 15.0
    system_role: SystemRole = "system"
    max_tokens_field: MaxTokensField | None = None
    sampling: tuple[str, ...] | None = None
    sends_user_hash: bool = False
    api_version: str = ""
    credential: CredentialKind = "key"
    token_file: str = ""
    tenant: str = ""
    client_id: str = ""
    scope: str = ""
    token_url: str = ""
    path: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    response: str = ""


def parse_request_options(values: object) -> RequestOptions:
    """Raises `RequestError` naming the first option that is unknown, of a wrong type or out of its range."""
    if not isinstance(values, Mapping):
        raise RequestError("request_options is an object.")
    unknown = next((name for name in values if name not in _CHECKS), None)
    if unknown is not None:
        raise RequestError(f"{str(unknown)[:60]} is not a request option.")
    return RequestOptions(**{name: _CHECKS[name](name, value) for name, value in values.items()})


def _seconds(low: float, high: float) -> Callable[[str, object], float]:
    def check(name: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise RequestError(f"{name} is a number of seconds from {low:g} to {high:g}.")
        return float(value)

    return check


def _count(low: int, high: int) -> Callable[[str, object], int]:
    def check(name: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise RequestError(f"{name} is a whole number from {low:,} to {high:,}.")
        return value

    return check


def _choice(*allowed: str) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise RequestError(f"{name} is one of {', '.join(allowed)}.")
        return value

    return check


def _text(pattern: str, meaning: str) -> Callable[[str, object], str]:
    expression = re.compile(pattern)

    def check(name: str, value: object) -> str:
        if not isinstance(value, str) or not expression.fullmatch(value):
            raise RequestError(f"{name} is {meaning}.")
        return value

    return check


def _names(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > 20 or not all(isinstance(item, str) for item in value):
        raise RequestError(f"{name} is a list of at most 20 names of sampling parameters.")
    return tuple(value)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise RequestError(f"{name} is true or false.")
    return value


def _template(name: str, value: object) -> Mapping[str, Any]:
    # Its size and its placeholders are judged by the provider that uses it.
    if not isinstance(value, dict):
        raise RequestError(f"{name} is an object.")
    return value


_CHECKS: Mapping[str, Callable[[str, object], Any]] = {
    "connect_seconds": _seconds(0.1, 60),
    "first_token_seconds": _seconds(0.1, 900),
    "inter_token_seconds": _seconds(0.1, 300),
    "wait_seconds": _seconds(0.1, 900),
    "answer_seconds": _seconds(1, 3600),
    "max_retries": _count(0, 5),
    "concurrency": _count(1, 256),
    "requests_per_minute": _count(1, 100_000),
    "tokens_per_minute": _count(1, 1_000_000_000),
    "probe_seconds": _seconds(1, 3600),
    "system_role": _choice("system", "developer", "user"),
    "max_tokens_field": _choice("max_tokens", "max_completion_tokens"),
    "sampling": _names,
    "sends_user_hash": _flag,
    "api_version": _text(r"[0-9A-Za-z.-]{1,40}", "a version such as 2024-10-21"),
    "credential": _choice("key", "token_file", "client_credentials"),
    "token_file": _text(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}", "the name of a file in PROVIDER_TOKENS_DIR"),
    "tenant": _text(r"[A-Za-z0-9.-]{1,100}", "a tenant's id or domain"),
    "client_id": _text(r"[\x21-\x7e]{1,200}", "a text of at most 200 plain characters"),
    "scope": _text(r"[\x21-\x7e]{1,200}", "a text of at most 200 plain characters"),
    "token_url": _text(r"https?://[\x21-\x7e]{1,400}", "the address of a token service"),
    "path": _text(r"/[A-Za-z0-9._~:/{}-]{0,300}", "a path that starts with / and has no query"),
    "request": _template,
    "response": _text(r"[A-Za-z0-9_-]{1,60}(\.[A-Za-z0-9_-]{1,60}){0,11}|", "a path such as predictions.0.text"),
}
