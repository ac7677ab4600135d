"""One question for pages, socket, API and tasks: may this user do this to that object?"""

import rules
from django.contrib.auth.models import AnonymousUser

from chatapp.accounts.models import Role, User
from chatapp.errors import ChatappError


def has_role(*roles: Role) -> rules.Predicate:
    """A predicate that holds for active users with one of the roles."""
    name = "has_role:" + ",".join(roles)
    return rules.predicate(lambda user: isinstance(user, User) and user.has_role(*roles), name=name)


is_administrator = has_role(Role.ADMINISTRATOR)


def can(user: User | AnonymousUser, action: str, obj: object = None) -> bool:
    """`action` is a permission named in some app's rules.py; an unknown one is denied."""
    return user.is_authenticated and user.is_active and bool(rules.has_perm(action, user, obj))


def require(user: User | AnonymousUser, action: str, obj: object = None) -> None:
    """Raises ChatappError("forbidden") unless `can`."""
    if not can(user, action, obj):
        raise ChatappError("forbidden")
