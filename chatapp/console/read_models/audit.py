"""An audit event as a page shows it: from where, and what changed."""

import json
import re
from dataclasses import dataclass
from typing import Any

from chatapp.accounts.models import AuditEvent

# Terminals obey some of these, and directions of writing can make one name look like another.
_CONTROLS = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_ORIGINS = {
    "process": "By way of",
    "agent": "Program",
    "session": "Session",
    "api_key": "API key",
    "request": "Request",
    "task": "Task",
    "command": "Command",
    "system_user": "User of the machine",
}


@dataclass(frozen=True, slots=True)
class Change:
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class EventDetail:
    event: AuditEvent
    origin: list[tuple[str, str]]
    detail: list[tuple[str, str]]
    changes: list[Change]


def event_detail(event: AuditEvent) -> EventDetail:
    origin = [(label, one_line(event.origin[name])) for name, label in _ORIGINS.items() if event.origin.get(name)]
    detail = [(one_line(name), one_line(value)) for name, value in event.detail.items()]
    return EventDetail(event, origin, detail, _changes(event.before or {}, event.after or {}))


def one_line(value: Any) -> str:
    """Text as it is and anything else as JSON, with controls spelled out."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Only what differs; a field that is missing on one side is empty there."""
    names = sorted(before.keys() | after.keys())
    changed = [name for name in names if before.get(name) != after.get(name)]
    return [Change(one_line(name), _side(before, name), _side(after, name)) for name in changed]


def _side(values: dict[str, Any], name: str) -> str:
    return one_line(values[name]) if name in values else ""
