"""What two versions of a policy differ in, check by check and as text."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """Of a list what came and went; of anything else the value before and after as JSON, None where it is missing."""

    field: str
    before: str | None
    after: str | None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckChange:
    """`kind` is added, removed, changed or same."""

    kind: str
    name: str
    stage: str
    fields: tuple[FieldChange, ...] = ()


def diff_checks(before: Sequence[Spec], after: Sequence[Spec]) -> list[CheckChange]:
    """Checks are the same one by name, kind and stage; of several that are, in their order."""
    left = _keyed(before)
    changes = []
    for key, spec in _keyed(after).items():
        old = left.pop(key, None)
        fields = () if old is None else _diff_fields(old, spec)
        changes.append(CheckChange("added" if old is None else "changed" if fields else "same", *_title(spec), fields))
    return [*changes, *(CheckChange("removed", *_title(spec)) for spec in left.values())]


def diff_text(before: Sequence[Spec], after: Sequence[Spec], *, names: tuple[str, str]) -> list[str]:
    """Lines of a unified diff; [] when both are the same."""
    old, new = (dump_checks(checks).splitlines() for checks in (before, after))
    return list(difflib.unified_diff(old, new, *names, lineterm=""))


def dump_checks(checks: Sequence[Spec]) -> str:
    return json.dumps(checks, indent=2, ensure_ascii=False)


def _keyed(checks: Sequence[Spec]) -> dict[tuple[str, str, str, int], Spec]:
    keyed: dict[tuple[str, str, str, int], Spec] = {}
    counts: dict[tuple[str, str, str], int] = {}
    for spec in checks:
        name, stage = _title(spec)
        same = (name, str(spec["kind"]), stage)
        counts[same] = counts.get(same, 0) + 1
        keyed[*same, counts[same]] = spec
    return keyed


def _title(spec: Spec) -> tuple[str, str]:
    return str(spec.get("name", spec["kind"])), str(spec["stage"])


def _diff_fields(before: Spec, after: Spec) -> tuple[FieldChange, ...]:
    fields = list(dict.fromkeys([*after, *before]))
    return tuple(_change(one, before, after) for one in fields if before.get(one) != after.get(one))


def _change(field: str, before: Spec, after: Spec) -> FieldChange:
    old, new = before.get(field), after.get(field)
    if isinstance(old, list) and isinstance(new, list):
        added = tuple(_words(item) for item in new if item not in old)
        removed = tuple(_words(item) for item in old if item not in new)
        if added or removed:
            return FieldChange(field, None, None, added, removed)
    return FieldChange(field, None if old is None else _words(old), None if new is None else _words(new))


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
