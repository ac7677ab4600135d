"""Reads what a browser reports of the content security policy (CSP Level 3, Reporting API): anybody can send it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve

from chatapp.errors import ChatappError

MAX_BYTES = 16 * 1024
MAX_REPORTS = 20
_MAX_CHARACTERS = 200
_SCHEMES = {"http", "https", "ws", "wss"}


@dataclass(frozen=True, slots=True)
class Violation:
    directive: str
    blocked: str
    page: str
    source: str


def read_violations(body: bytes) -> list[Violation]:
    """Of `application/csp-report` and `application/reports+json` alike; raises ChatappError("invalid").

    What could hold somebody's text is left out: query strings, ids in addresses, samples of script.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise ChatappError("invalid", detail="the report is not JSON.") from None
    violations = [_violation(one) for one in _bodies(found)]
    if not violations or len(violations) > MAX_REPORTS:
        raise ChatappError("invalid", detail=f"1 to {MAX_REPORTS} reports of a policy are taken at a time.")
    return violations


def _bodies(found: Any) -> Iterator[dict[str, Any]]:
    if isinstance(found, dict) and isinstance(found.get("csp-report"), dict):
        yield found["csp-report"]
    for one in found if isinstance(found, list) else []:
        if isinstance(one, dict) and one.get("type") == "csp-violation" and isinstance(one.get("body"), dict):
            yield one["body"]


def _violation(body: dict[str, Any]) -> Violation:
    directive = _text(body, "effective-directive", "effectiveDirective", "violated-directive").partition(" ")[0]
    if not directive:
        raise ChatappError("invalid", detail="the report names no directive.")
    line = _text(body, "line-number", "lineNumber")
    source = _address(_text(body, "source-file", "sourceFile"))
    return Violation(
        directive=directive[:64],
        blocked=_address(_text(body, "blocked-uri", "blockedURL")),
        page=_page(_text(body, "document-uri", "documentURL")),
        source=f"{source[:180]}:{line[:8]}" if source and line.isdigit() else source,
    )


def _text(body: dict[str, Any], *names: str) -> str:
    found = next((body[name] for name in names if isinstance(body.get(name), str | int)), "")
    return "".join(character for character in str(found) if character.isprintable())


def _address(text: str) -> str:
    """A keyword (`inline`, `eval`, `data`) as it is; an address without its query; a scheme alone of any other."""
    try:
        parts = urlsplit(text)
        if parts.scheme in _SCHEMES:
            return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"[:_MAX_CHARACTERS]
    except ValueError:
        return ""
    return (parts.scheme or text)[:32]


def _page(address: str) -> str:
    try:
        return f"/{resolve(urlsplit(address).path).route}"[:_MAX_CHARACTERS]
    except (Resolver404, ValueError):
        return ""
