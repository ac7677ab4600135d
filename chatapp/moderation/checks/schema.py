"""From the JSON of a policy to checks; every refusal names the check and the field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from chatapp.errors import ChatappError
from chatapp.moderation.checks import (
    external,
    injection,
    invisible,
    judge,
    language,
    links,
    pattern,
    pii,
    secrets,
    toxicity,
)
from chatapp.moderation.checks.check import Check, FailRule, Parts, Scope
from chatapp.moderation.checks.fields import FieldError, budget_of, is_storable, number_in, text_list, truth
from chatapp.moderation.checks.matcher import PatternError
from chatapp.moderation.models import Action, Severity, Stage

MAX_CHECKS = 50
MAX_NAME_CHARACTERS = 100
MAX_SCOPE_ENTRIES, MAX_SCOPE_CHARACTERS = 50, 150
COMMON_FIELDS = frozenset(
    {"kind", "name", "stage", "action", "severity", "groups", "routes", "external_only"}
    | {"threshold", "hold", "fail", "budget_ms", "placeholder"}
)

Choice = TypeVar("Choice", bound=Enum)


@dataclass(frozen=True, slots=True)
class Kind:
    """`build` is cheap and loads nothing heavy. Raises FieldError, PatternError."""

    fields: frozenset[str]
    build: Callable[[Mapping[str, Any]], Parts]


KINDS = {
    "pattern": Kind(pattern.FIELDS, pattern.build),
    "pii": Kind(pii.FIELDS, pii.build),
    "secrets": Kind(secrets.FIELDS, secrets.build),
    "injection": Kind(injection.FIELDS, injection.build),
    "toxicity": Kind(toxicity.FIELDS, toxicity.build),
    "invisible": Kind(invisible.FIELDS, invisible.build),
    "language": Kind(language.FIELDS, language.build),
    "links": Kind(links.FIELDS, links.build),
    "external": Kind(external.FIELDS, external.build),
    "judge": Kind(judge.FIELDS, judge.build),
}


def build_checks(specs: object, *, policy_id: str = "", is_shadow: bool = False) -> tuple[Check, ...]:
    """Raises ChatappError("invalid") with a sentence that names the check and the field."""
    if not isinstance(specs, list) or not specs:
        raise ChatappError("invalid", detail="checks must be a list with at least one check.")
    if len(specs) > MAX_CHECKS:
        raise ChatappError("invalid", detail=f"checks has {len(specs)} entries; the limit is {MAX_CHECKS}.")
    checks = []
    for number, spec in enumerate(specs):
        try:
            checks.append(_build_check(spec, policy_id, is_shadow=is_shadow))
        except (FieldError, PatternError) as error:
            raise ChatappError("invalid", detail=f"checks[{number}]: {error}") from None
    return tuple(checks)


def _build_check(spec: object, policy_id: str, *, is_shadow: bool) -> Check:
    if not isinstance(spec, dict):
        raise FieldError("a check", "must be an object.")
    kind_name = spec.get("kind")
    kind = KINDS.get(kind_name) if isinstance(kind_name, str) else None
    if kind is None:
        raise FieldError("kind", f"must be one of {', '.join(KINDS)}.")
    unknown = sorted(str(key) for key in spec.keys() - COMMON_FIELDS - kind.fields)
    if unknown:
        raise FieldError(unknown[0][:40], f"is not a field of a {kind_name} check.")
    parts = kind.build(spec)
    return Check(
        name=_name(spec, default=str(kind_name)),
        kind=str(kind_name),
        stage=_choice(spec, "stage", Stage),
        action=_choice(spec, "action", Action),
        severity=_choice(spec, "severity", Severity, default=Severity.MEDIUM),
        matchers=parts.matchers,
        examiner=parts.examiner,
        threshold=number_in(spec, "threshold", least=0.0, most=1.0, default=parts.threshold),
        hold=truth(spec, "hold", default=True),
        fails=_choice(spec, "fail", FailRule, default=FailRule.OPEN),
        budget_seconds=budget_of(spec),
        scope=_scope(spec),
        placeholder=truth(spec, "placeholder", default=False),
        max_span=parts.max_span,
        policy_id=policy_id,
        is_shadow=is_shadow,
    )


def _scope(spec: Mapping[str, Any]) -> Scope:
    groups, routes = (
        text_list(spec, field, most=MAX_SCOPE_ENTRIES, longest=MAX_SCOPE_CHARACTERS) for field in ("groups", "routes")
    )
    return Scope(frozenset(groups), frozenset(routes), truth(spec, "external_only", default=False))


def _name(spec: Mapping[str, Any], *, default: str) -> str:
    name = spec.get("name", default)
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME_CHARACTERS or not is_storable(name):
        raise FieldError("name", f"must be a text of 1 to {MAX_NAME_CHARACTERS} characters.")
    return name


def _choice(spec: Mapping[str, Any], field: str, choices: type[Choice], default: Choice | None = None) -> Choice:
    value = spec.get(field, default)
    try:
        return choices(value)
    except ValueError:
        raise FieldError(field, f"must be one of {', '.join(str(choice.value) for choice in choices)}.") from None
