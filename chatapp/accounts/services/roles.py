"""Who has which role. Effective roles stand on the user's row, so that asking for a right needs no query."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction

from chatapp.accounts.models import CustomRole, GroupRole, Role, User
from chatapp.accounts.permissions import CATALOGUE, permissions_of, permissions_of_role, require
from chatapp.accounts.services.audit import record_event
from chatapp.accounts.services.sso import has_a_way_in, require_a_way_in
from chatapp.accounts.signals import AccessChange, announce_access_change
from chatapp.errors import ChatappError

MAX_ROLES = 50
_BATCH = 1000
_SLUG = re.compile(r"[a-z0-9_-]{1,32}")


def settle_roles(*, user: User, actor: User | None = None, reason: str = "") -> None:
    """Work out anew what the user's own roles and company groups give; `user` shows it afterwards."""
    _settle(user_ids=[user.pk], actor=actor, reason=reason)
    user.refresh_from_db(fields=["own_roles", "roles", "permissions"])


@transaction.atomic
def set_roles(*, user: User, roles: Iterable[str], actor: User | None, reason: str = "") -> None:
    """Give these roles by hand instead of those given so before; roles of groups are not touched.

    Raises ChatappError("forbidden") when the actor may not, or gives or takes what is beyond his own rights;
    ("invalid") for an unknown role; ("last_administrator"), ("last_way_in"). Without an actor the caller answers for
    the rights.
    """
    wanted = set(roles)
    if actor is not None:
        require(actor, "accounts.manage_roles")
    with one_administrator_remaining():
        locked = User.objects.select_for_update().get(pk=user.pk)
        _check_changed_roles(actor, set(locked.own_roles) ^ wanted)
        User.objects.filter(pk=user.pk).update(own_roles=sorted(wanted))
        settle_roles(user=user, actor=actor, reason=reason)


@transaction.atomic
def set_group_roles(*, group: Group, roles: Iterable[str], actor: User) -> None:
    """Every member of the company group has these roles, beside others. Raises what `set_roles` raises."""
    require(actor, "accounts.manage_roles")
    wanted = set(roles)
    with one_administrator_remaining():
        Group.objects.select_for_update().get(pk=group.pk)
        before = set(GroupRole.objects.filter(group=group).values_list("role", flat=True))
        if before == wanted:
            return
        _check_changed_roles(actor, before ^ wanted)
        GroupRole.objects.filter(group=group).exclude(role__in=wanted).delete()
        GroupRole.objects.bulk_create(GroupRole(group=group, role=role) for role in wanted - before)
        record_event(
            actor=actor,
            action="group.roles_changed",
            obj=group,
            detail={"group": group.name},
            before={"roles": sorted(before)},
            after={"roles": sorted(wanted)},
        )
        _settle(user_ids=User.objects.filter(groups=group).values_list("pk", flat=True), actor=actor)


@transaction.atomic
def settle_members(*, groups: Iterable[Group], actor: User | None = None) -> None:
    """After the membership of company groups has changed elsewhere; who left one has to be settled by himself."""
    members = User.objects.filter(groups__in=list(groups)).values_list("pk", flat=True).distinct()
    _settle(user_ids=members, actor=actor)


def settle_people(*, user_ids: Iterable[UUID], actor: User | None = None) -> None:
    """After the membership of these people has changed: some queries for a thousand of them."""
    _settle(user_ids=user_ids, actor=actor)


@transaction.atomic
def create_custom_role(*, actor: User, slug: str, name: str, permissions: Iterable[str]) -> CustomRole:
    """Raises ChatappError("forbidden") for permissions that the actor does not hold, ("invalid"), ("exists")."""
    require(actor, "accounts.manage_roles")
    if not _SLUG.fullmatch(slug):
        raise ChatappError("invalid", detail="a short name has 1 to 32 of a-z, 0-9, - and _.")
    if slug in Role or CustomRole.objects.filter(slug=slug).exists():
        raise ChatappError("exists", what=f"A role {slug}")
    if CustomRole.objects.count() >= MAX_ROLES:
        raise ChatappError("invalid", detail=f"there are {MAX_ROLES} custom roles, which is the limit.")
    held = _checked_permissions(actor, permissions, changed=permissions)
    role = CustomRole.objects.create(slug=slug, name=_checked_name(name), permissions=held)
    record_event(actor=actor, action="role.created", obj=role, detail={"role": slug}, after=_describe(role))
    return role


@transaction.atomic
def change_custom_role(*, actor: User, role: CustomRole, name: str, permissions: Iterable[str]) -> CustomRole:
    """All who have the role have the new permissions at once. Raises ChatappError("forbidden"), ("invalid")."""
    require(actor, "accounts.manage_roles")
    locked = CustomRole.objects.select_for_update().get(pk=role.pk)
    before, wanted = _describe(locked), set(permissions)
    locked.permissions = _checked_permissions(actor, wanted, changed=wanted ^ set(locked.permissions))
    locked.name = _checked_name(name)
    locked.save(update_fields=["name", "permissions"])
    after = _describe(locked)
    if before != after:
        record_event(
            actor=actor, action="role.changed", obj=locked, detail={"role": role.slug}, before=before, after=after
        )
        _settle(user_ids=_holders(role.slug), actor=actor)
    return locked


@transaction.atomic
def delete_custom_role(*, actor: User, role: CustomRole) -> None:
    """Nobody has it any more, neither by hand nor by a group. Raises ChatappError("forbidden")."""
    require(actor, "accounts.manage_roles")
    holders = list(_holders(role.slug))
    record_event(actor=actor, action="role.deleted", obj=role, detail={"role": role.slug}, before=_describe(role))
    GroupRole.objects.filter(role=role.slug).delete()
    for user in User.objects.select_for_update().filter(own_roles__contains=[role.slug]).order_by("pk"):
        user.own_roles = [own for own in user.own_roles if own != role.slug]
        user.save(update_fields=["own_roles"])
    role.delete()
    _settle(user_ids=holders, actor=actor)


@contextmanager
def one_administrator_remaining() -> Iterator[None]:
    """In a transaction. What is refused at the end is only what a change inside has brought about.

    Raises ChatappError("last_administrator") when no active one is left, ("last_way_in") when none of those left could
    sign in.
    """
    had_one, had_way = bool(_lock_administrators()), has_a_way_in()
    yield
    if had_one and not _lock_administrators():
        raise ChatappError("last_administrator")
    if had_way:
        require_a_way_in()


def require_another_administrator(*, user: User) -> None:
    """Raises what `one_administrator_remaining` would if the account were closed."""
    if _lock_administrators() == {user.pk}:
        raise ChatappError("last_administrator")
    if has_a_way_in() and not has_a_way_in(without=user.pk):
        raise ChatappError("last_way_in")


def _lock_administrators() -> set[UUID]:
    """Two who demote or close each other follow one another: the lock lasts until the end of the transaction."""
    administrators = User.objects.filter(is_active=True, is_service=False, roles__contains=[Role.ADMINISTRATOR.value])
    return set(administrators.select_for_update().order_by("pk").values_list("pk", flat=True))


def _holders(slug: str) -> Iterable[UUID]:
    return User.objects.filter(roles__contains=[slug]).values_list("pk", flat=True)


def _settle(*, user_ids: Iterable[UUID], actor: User | None, reason: str = "") -> None:
    custom = {role.slug: role.permissions for role in CustomRole.objects.all()}
    with transaction.atomic():
        waiting = iter(user_ids)
        while some := list(islice(waiting, _BATCH)):
            _settle_some(some, custom, actor, reason)


def _settle_some(user_ids: list[UUID], custom: dict[str, list[str]], actor: User | None, reason: str) -> None:
    users = list(User.objects.select_for_update().filter(pk__in=user_ids).order_by("pk"))
    of_groups: dict[UUID, set[str]] = defaultdict(set)
    for user_id, role in User.objects.filter(pk__in=user_ids).values_list("pk", "groups__given_roles__role"):
        of_groups[user_id] |= {role} if role else set()
    known = (*Role.values, *sorted(custom))
    for user in users:
        has = set(user.own_roles) | of_groups[user.pk]
        roles = [role for role in known if role in has]
        permissions = sorted({action for role in roles for action in custom.get(role, ())})
        if (roles, permissions) == (user.roles, user.permissions):
            continue
        before = {"roles": user.roles, "permissions": user.permissions}
        after: dict[str, object] = {"roles": roles, "permissions": permissions}
        User.objects.filter(pk=user.pk).update(**after)
        record_event(
            actor=actor, action="user.roles_changed", obj=user, before=dict(before), after=after, reason=reason
        )
        announce_access_change(user.pk, AccessChange.RIGHTS)


def _check_changed_roles(actor: User | None, changed: set[str]) -> None:
    """Nobody gives or takes what he does not hold himself."""
    custom = {role.slug: frozenset(role.permissions) for role in CustomRole.objects.filter(slug__in=changed)}
    for role in changed:
        if role not in Role and role not in custom:
            raise ChatappError("invalid", detail="there is no such role.")
    gives = {role: permissions_of_role(Role(role)) if role in Role else custom[role] for role in changed}
    if actor is not None and not frozenset().union(*gives.values()) <= permissions_of(actor):
        raise ChatappError("forbidden")


def _checked_permissions(actor: User, permissions: Iterable[str], *, changed: Iterable[str]) -> list[str]:
    wanted = set(permissions)
    if not wanted or not wanted <= CATALOGUE.keys():
        raise ChatappError("invalid", detail="a role has one or more of the known permissions.")
    if not set(changed) <= permissions_of(actor):
        raise ChatappError("forbidden")
    return sorted(wanted)


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > 100 or "\0" in name:
        raise ChatappError("invalid", detail="a role has a name of at most 100 characters.")
    return name.strip()


def _describe(role: CustomRole) -> dict[str, object]:
    return {"name": role.name, "permissions": list(role.permissions)}
