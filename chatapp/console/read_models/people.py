"""People as administrators look at them: where rights come from, and what is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chatapp.accounts.models import Role, User
from chatapp.accounts.selectors.people import SOURCES, source_of


@dataclass(frozen=True, slots=True)
class PersonRow:
    person: User
    source: str
    roles: list[str]
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class GivenRole:
    """`origins` say where it comes from: by hand, or the company groups that give it."""

    label: str
    origins: list[str]


@dataclass(frozen=True, slots=True)
class GroupRow:
    name: str
    origin: str


def person_row(person: User) -> PersonRow:
    roles = [label_of(role) for role in person.roles if role != Role.EMPLOYEE]
    seen_at = getattr(person, "seen_at", None) or person.last_login
    return PersonRow(person=person, source=SOURCES[source_of(person)], roles=roles, seen_at=seen_at)


def label_of(role: str) -> str:
    return str(Role(role).label) if role in Role else role


def given_roles(person: User) -> list[GivenRole]:
    """For one whose groups were read with the roles that they give."""
    found = []
    for role in person.roles:
        origins = ["by hand"] if role in person.own_roles else []
        groups = sorted(
            group.name for group in person.groups.all() if role in {given.role for given in group.given_roles.all()}
        )
        found.append(GivenRole(label_of(role), [*origins, *(f"group {name}" for name in groups)]))
    return found


def group_rows(person: User, provisioned: Sequence[str]) -> list[GroupRow]:
    otherwise = "single sign-on" if getattr(person, "is_sso", False) else "by hand"
    names = sorted(group.name for group in person.groups.all())
    return [GroupRow(name, "provisioning" if name in provisioned else otherwise) for name in names]
