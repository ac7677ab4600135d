"""One question for pages, socket, API and tasks: may this user do this to that object?

What roles grant is declared once, by `grant` in some app's rules.py, and so can be listed: for custom roles, for the
table of rights and for tests. Rights over single objects (an owner's, a group's) are rules of their own.
"""

from dataclasses import dataclass

import rules
from django.contrib.auth.models import AnonymousUser

from chatapp.accounts.models import Role, User
from chatapp.errors import ChatappError


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission that roles give: `label` is how people read it."""

    action: str
    label: str
    roles: frozenset[Role]


CATALOGUE: dict[str, Grant] = {}


def grant(action: str, label: str, *roles: Role) -> None:
    """Declares `action`: the roles named here give it, and every custom role that lists it."""
    CATALOGUE[action] = Grant(action, label, frozenset(roles))
    rules.add_perm(action, rules.predicate(lambda user: _is_granted(user, action), name=f"granted:{action}"))


def _is_granted(user: User | AnonymousUser, action: str) -> bool:
    return isinstance(user, User) and (user.has_role(*CATALOGUE[action].roles) or user.is_permitted(action))


def can(user: User | AnonymousUser, action: str, obj: object = None) -> bool:
    """`action` is a permission named in some app's rules.py; an unknown one is denied."""
    return user.is_authenticated and user.is_active and bool(rules.has_perm(action, user, obj))


def require(user: User | AnonymousUser, action: str, obj: object = None) -> None:
    """Raises ChatappError("forbidden") unless `can`."""
    if not can(user, action, obj):
        raise ChatappError("forbidden")


def permissions_of_role(role: Role) -> frozenset[str]:
    return frozenset(action for action, granted in CATALOGUE.items() if role in granted.roles)


def permissions_of(user: User) -> frozenset[str]:
    """All that the user's roles give, own and custom ones."""
    return frozenset(action for action in CATALOGUE if can(user, action))
