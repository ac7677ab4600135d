from collections.abc import Mapping

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.invisible import without_invisible
from chatapp.retrieval.models import AccessRole, Collection, CollectionAccess

_SLUG_MAX = 64
_NAME_MAX = 120


def create_collection(*, user: User, slug: str, name: str, groups: Mapping[str, str]) -> Collection:
    """`groups` maps names of existing groups to roles.

    Raises ChatappError: "forbidden", "invalid" (slug, name, group or role), "exists".
    """
    require(user, "retrieval.create_collection")
    name = clean_title(name) or slug
    _check(slug=slug)
    check_title(name)
    grants = resolve_groups(groups)
    try:
        with transaction.atomic():
            collection = Collection.objects.create(slug=slug, name=name, created_by=user)
            CollectionAccess.objects.bulk_create(
                CollectionAccess(collection=collection, group=group, role=role) for group, role in grants.items()
            )
            record_event(actor=user, action="collection.created", obj=collection, detail={"groups": dict(groups)})
    except IntegrityError:
        raise ChatappError("exists", what=f"The collection {slug}") from None
    return collection


def clean_title(name: str) -> str:
    return " ".join(without_invisible(name.replace("\x00", "")).split())


def check_title(name: str) -> None:
    """Raises ChatappError("invalid")."""
    if not name or len(name) > _NAME_MAX:
        raise ChatappError("invalid", detail=f"a collection's name has 1 to {_NAME_MAX} characters.")


def _check(*, slug: str) -> None:
    try:
        validate_slug(slug)
    except ValidationError:
        raise ChatappError(
            "invalid", detail="a collection's slug has only letters, digits, hyphens and underscores."
        ) from None
    if len(slug) > _SLUG_MAX:
        raise ChatappError("invalid", detail=f"a slug has at most {_SLUG_MAX} characters.")


def resolve_groups(groups: Mapping[str, str]) -> dict[Group, AccessRole]:
    """Groups by their names. Raises ChatappError("invalid") for a name or a role that does not exist."""
    unknown_roles = sorted(set(groups.values()) - set(AccessRole.values))
    if unknown_roles:
        raise ChatappError("invalid", detail=f"a role is one of {', '.join(AccessRole.values)}.")
    names = {name for name in groups if "\x00" not in name}
    found = {group.name: group for group in Group.objects.filter(name__in=names)}
    missing = sorted(set(groups) - set(found))
    if missing:
        raise ChatappError("invalid", detail=f"there is no group named {missing[0][:100]}.")
    return {found[name]: AccessRole(role) for name, role in groups.items()}
