"""Reads bodies and queries of strangers: whatever they hold, the answer is a value or a 400."""

import json
from typing import Any, NoReturn

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser

from chatapp.errors import ChatappError


class SafeParser(Parser):
    """Raises ChatappError("invalid"). NUL and lone surrogates, which PostgreSQL refuses, are left out of all text."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        try:
            body = _clean(json.loads(request.body, parse_constant=_refuse_constant))
        except RecursionError:
            raise ChatappError("invalid", detail="the JSON is nested too deeply.") from None
        except ValueError:
            raise ChatappError("invalid", detail="the body is not JSON.") from None
        if not isinstance(body, dict):
            raise ChatappError("invalid", detail="the body must be a JSON object.")
        return body

    def parse_querydict(
        self, data: "MultiValueDict[str, Any]", list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        parsed: dict[str, Any] = _clean(super().parse_querydict(data, list_fields, request))
        return parsed


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # Python's NaN and Infinity are no JSON


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "").encode(errors="ignore").decode()
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value
