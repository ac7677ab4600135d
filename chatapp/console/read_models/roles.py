"""Which role gives what, as a table: permissions down, roles across."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from chatapp.accounts.models import CustomRole, Role
from chatapp.accounts.permissions import CATALOGUE

_AREAS = {
    "accounts": "People and the record",
    "console": "Console",
    "conversations": "Conversations",
    "inference": "Models",
    "moderation": "Moderation",
    "privacy": "Privacy",
    "retrieval": "Knowledge",
}


@dataclass(frozen=True, slots=True)
class PermissionRow:
    label: str
    cells: list[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class RoleMatrix:
    roles: list[str]
    areas: list[tuple[str, list[PermissionRow]]]


def role_matrix(custom: Sequence[CustomRole]) -> RoleMatrix:
    names = [*(str(role.label) for role in Role), *(role.name for role in custom)]

    def row(action: str) -> PermissionRow:
        granted = CATALOGUE[action]
        given = [*(role in granted.roles for role in Role), *(action in role.permissions for role in custom)]
        return PermissionRow(granted.label, list(zip(names, given, strict=True)))

    areas = groupby(sorted(CATALOGUE), key=lambda action: action.partition(".")[0])
    return RoleMatrix(
        names, [(_AREAS.get(area, area.capitalize()), [row(it) for it in within]) for area, within in areas]
    )


def role_choices(custom: Sequence[CustomRole]) -> list[tuple[str, str]]:
    """Every role but `employee`, which everybody has."""
    built_in = [(role.value, str(role.label)) for role in Role if role is not Role.EMPLOYEE]
    return [*built_in, *((role.slug, role.name) for role in custom)]


def permission_choices() -> list[tuple[str, str]]:
    return sorted(((action, granted.label) for action, granted in CATALOGUE.items()), key=lambda choice: choice[1])
