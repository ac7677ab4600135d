"""Collections, and what a user may do in them."""

from collections.abc import Iterable

from django.contrib.auth.models import AnonymousUser, Group
from django.db.models import Q, QuerySet

from chatapp.accounts.models import User
from chatapp.errors import ChatappError
from chatapp.retrieval.models import AccessRole, Collection, CollectionAccess

_STRENGTH = {AccessRole.READER: 1, AccessRole.EDITOR: 2, AccessRole.OWNER: 3}


def role_of(user: User | AnonymousUser, collection: Collection) -> AccessRole | None:
    """The strongest role that one of the user's groups gives; who made the collection owns it."""
    if not isinstance(user, User) or not user.is_active:
        return None
    if collection.created_by_id == user.pk:
        return AccessRole.OWNER
    granted = CollectionAccess.objects.filter(collection=collection, group__user=user).values_list("role", flat=True)
    return max((AccessRole(role) for role in granted), key=_STRENGTH.__getitem__, default=None)


def list_collections_for(user: User | AnonymousUser) -> QuerySet[Collection]:
    if not isinstance(user, User) or not user.is_active:
        return Collection.objects.none()
    granted = CollectionAccess.objects.filter(group__user=user).values("collection")
    return Collection.objects.filter(Q(created_by=user) | Q(pk__in=granted)).order_by("name", "id")


def get_collection_for(user: User | AnonymousUser, slug: str) -> Collection:
    """Raises ChatappError("not_found")."""
    collection = list_collections_for(user).filter(slug=slug).first() if "\x00" not in slug else None
    if collection is None:
        raise ChatappError("not_found")
    return collection


def require_collections(user: User | AnonymousUser, slugs: Iterable[str]) -> list[Collection]:
    """Raises ChatappError("not_found") when one of the slugs is unknown or not visible."""
    wanted = set(slugs)
    if any("\x00" in slug for slug in wanted):
        raise ChatappError("not_found")
    found = list(list_collections_for(user).filter(slug__in=wanted))
    if len(found) != len(wanted):
        raise ChatappError("not_found")
    return found


def list_groups() -> QuerySet[Group]:
    """Names of the company's groups, which everybody may know who can grant access."""
    return Group.objects.order_by("name")
