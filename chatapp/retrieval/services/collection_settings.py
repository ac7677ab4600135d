"""What a collection's owners change: its name, how it is read, and who may see it."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from chatapp.accounts.models import User
from chatapp.accounts.permissions import require
from chatapp.accounts.services import record_event
from chatapp.errors import ChatappError
from chatapp.retrieval.models import AccessRole, Collection, CollectionAccess
from chatapp.retrieval.services.collections import check_title, clean_title, resolve_groups

PASSAGE_CHARACTERS = (200, 4000)


def update_collection(
    *,
    user: User,
    collection: Collection,
    name: str | None = None,
    chunk_characters: int | None = None,
    chunk_overlap: int | None = None,
) -> Collection:
    """None leaves a value as it is. Documents that were read already stay as they are until they are read again.

    Raises ChatappError: forbidden, invalid.
    """
    require(user, "retrieval.manage_collection", collection)
    with transaction.atomic():
        locked = _locked(collection)
        before = _settings(locked)
        if name is not None:
            locked.name = clean_title(name)
            check_title(locked.name)
        locked.chunk_characters = locked.chunk_characters if chunk_characters is None else chunk_characters
        locked.chunk_overlap = locked.chunk_overlap if chunk_overlap is None else chunk_overlap
        _check_sizes(locked)
        if (after := _settings(locked)) != before:
            locked.save(update_fields=list(after))
            record_event(actor=user, action="collection.changed", obj=locked, before=before, after=after)
    return locked


@transaction.atomic
def change_collection(
    *, user: User, collection: Collection, groups: Mapping[str, str] | None = None, **values: Any
) -> Collection:
    """`set_access`, where `groups` are given, and `update_collection` with the other values; both or none."""
    changed = update_collection(user=user, collection=collection, **values)
    if groups is not None:
        set_access(user=user, collection=collection, groups=groups)
    return changed


def set_access(*, user: User, collection: Collection, groups: Mapping[str, str]) -> None:
    """`groups` maps names of existing groups to roles and replaces what was granted before.

    It holds from the next query on. Raises ChatappError: forbidden, invalid, last_owner.
    """
    require(user, "retrieval.manage_collection", collection)
    grants = resolve_groups(groups)
    with transaction.atomic():
        locked = _locked(collection)
        before: dict[str, object] = dict(locked.access.values_list("group__name", "role"))
        after: dict[str, object] = {group.name: role.value for group, role in grants.items()}
        if before == after:
            return
        if not _has_owner(locked, grants):
            raise ChatappError("last_owner")
        locked.access.all().delete()
        CollectionAccess.objects.bulk_create(
            CollectionAccess(collection=locked, group=group, role=role) for group, role in grants.items()
        )
        record_event(
            actor=user,
            action="collection.access_changed",
            obj=locked,
            before={"groups": before},
            after={"groups": after},
        )


def _locked(collection: Collection) -> Collection:
    found = Collection.objects.select_for_update().filter(pk=collection.pk, deleted_at=None).first()
    if found is None:
        raise ChatappError("not_found")
    return found


def _settings(collection: Collection) -> dict[str, object]:
    return {
        "name": collection.name,
        "chunk_characters": collection.chunk_characters,
        "chunk_overlap": collection.chunk_overlap,
    }


def _check_sizes(collection: Collection) -> None:
    least, most = PASSAGE_CHARACTERS
    if not least <= collection.chunk_characters <= most:
        raise ChatappError("invalid", detail=f"a passage has {least} to {most:,} characters.")
    if not 0 <= collection.chunk_overlap <= collection.chunk_characters // 2:
        raise ChatappError("invalid", detail="passages share at most half of their characters.")


def _has_owner(collection: Collection, grants: Mapping[Group, AccessRole]) -> bool:
    """Whether somebody with an open account would own it."""
    owners = [group.pk for group, role in grants.items() if role == AccessRole.OWNER]
    people = User.objects.filter(is_active=True)
    return people.filter(pk__in=[collection.created_by_id]).exists() or people.filter(groups__in=owners).exists()
