"""Company groups as a SCIM client makes, fills and removes them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from chatapp.accounts.models import ProvisionedGroup, ProvisionedMembership, ProvisionedUser, SignIn, User
from chatapp.accounts.permissions import require
from chatapp.accounts.selectors.provisioning import known_members
from chatapp.accounts.services.audit import record_event
from chatapp.accounts.services.roles import one_administrator_remaining, settle_people
from chatapp.accounts.signals import AccessChange, announce_access_change
from chatapp.errors import ChatappError

_MAX_NAME = 150
_BATCH = 2000
_NAMED_IN_AUDIT = 20
_IN_GROUP = User.groups.through


@dataclass(frozen=True, kw_only=True)
class MemberChange:
    """`replaces`: whoever is not in `added` leaves. Ids are as a client wrote them."""

    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    replaces: bool = False


@transaction.atomic
def create_provisioned_group(
    *, client: User, name: str, external_id: str = "", members: Iterable[str] = ()
) -> ProvisionedGroup:
    """A company group of that name, which may have existed; its members of other origin stay.

    Raises ChatappError: forbidden, invalid, exists.
    """
    require(client, "accounts.provision")
    _check(name, external_id)
    if ProvisionedGroup.objects.filter(group__name__iexact=name.strip()).exists():
        raise ChatappError("exists", what="A group with this displayName")
    group = Group.objects.get_or_create(name=name.strip())[0]
    provisioned = ProvisionedGroup.objects.create(group=group, external_id=external_id, changed_at=timezone.now())
    record_event(actor=client, action="group.provisioned", obj=group, detail={"group": group.name})
    _change_members(client, provisioned, MemberChange(added=frozenset(members)))
    return provisioned


@transaction.atomic
def change_provisioned_group(
    *,
    client: User,
    group: ProvisionedGroup,
    name: str | None = None,
    external_id: str | None = None,
    members: MemberChange | None = None,
) -> ProvisionedGroup:
    """None leaves it as it is. Raises ChatappError: forbidden, invalid, exists, last_administrator."""
    require(client, "accounts.provision")
    locked = ProvisionedGroup.objects.select_for_update(of=("self",)).select_related("group").get(pk=group.pk)
    changed = _rename(client, locked, name) if name is not None else False
    if external_id is not None and external_id != locked.external_id:
        _check(locked.group.name, external_id)
        locked.external_id, changed = external_id, True
    if members is not None:
        changed = _change_members(client, locked, members) or changed
    if changed:
        locked.changed_at = timezone.now()
        locked.save(update_fields=["external_id", "changed_at"])
    return locked


@transaction.atomic
def remove_provisioned_group(*, client: User, group: ProvisionedGroup) -> None:
    """The client's members leave. The company group stays, with what is granted to it and members of other origin.

    Raises ChatappError: forbidden, last_administrator.
    """
    require(client, "accounts.provision")
    _change_members(client, group, MemberChange(replaces=True))
    record_event(actor=client, action="group.unprovisioned", obj=group.group, detail={"group": group.group.name})
    ProvisionedGroup.objects.filter(pk=group.pk).delete()


def leave_groups(*, client: User, person: ProvisionedUser) -> None:
    """Out of all groups, whatever brought the person there. In a transaction."""
    names = sorted(person.user.groups.values_list("name", flat=True))
    ProvisionedMembership.objects.filter(person=person).delete()
    person.user.groups.clear()
    if names:
        record_event(actor=client, action="user.left_groups", obj=person.user, before={"groups": names})
        settle_people(user_ids=[person.pk], actor=client)


def _rename(client: User, provisioned: ProvisionedGroup, name: str) -> bool:
    group, wanted = provisioned.group, name.strip()
    if wanted == group.name:
        return False
    _check(name, provisioned.external_id)
    if Group.objects.filter(name__iexact=wanted).exclude(pk=group.pk).exists():
        raise ChatappError("exists", what="A group with this displayName")
    record_event(actor=client, action="group.renamed", obj=group, before={"name": group.name}, after={"name": wanted})
    group.name = wanted
    group.save(update_fields=["name"])
    return True


def _change_members(client: User, provisioned: ProvisionedGroup, change: MemberChange) -> bool:
    """Whether anything changed. Some queries per two thousand people, none per person but for changed roles."""
    added = known_members(change.added)
    if len(added) < len(change.added):
        raise ChatappError("invalid", detail="a member is no person that was provisioned.")
    now = set(ProvisionedMembership.objects.filter(group=provisioned).values_list("person_id", flat=True))
    gone = now - added if change.replaces else known_members(change.removed) & now - added
    new = added - now
    if not new and not gone:
        return False
    with one_administrator_remaining():
        _add(provisioned, new)
        _take_out(provisioned, gone)
        _record_members(client, provisioned, new, gone)
        settle_people(user_ids=[*new, *gone], actor=client)
    # Rights of the group itself, as on collections: only who is here now has to hear of them.
    for user_id in SignIn.objects.filter(user_id__in=new | gone).values_list("user_id", flat=True).distinct():
        announce_access_change(user_id, AccessChange.RIGHTS)
    return True


def _add(provisioned: ProvisionedGroup, people: Collection[UUID]) -> None:
    ProvisionedMembership.objects.bulk_create(
        (ProvisionedMembership(group=provisioned, person_id=pk) for pk in people),
        ignore_conflicts=True,
        batch_size=_BATCH,
    )
    _IN_GROUP.objects.bulk_create(
        (_IN_GROUP(group_id=provisioned.group_id, user_id=pk) for pk in people),
        ignore_conflicts=True,
        batch_size=_BATCH,
    )


def _take_out(provisioned: ProvisionedGroup, people: Collection[UUID]) -> None:
    ProvisionedMembership.objects.filter(group=provisioned, person_id__in=people).delete()
    _IN_GROUP.objects.filter(group_id=provisioned.group_id, user_id__in=people).delete()


def _record_members(client: User, provisioned: ProvisionedGroup, new: Collection[UUID], gone: Collection[UUID]) -> None:
    detail: dict[str, object] = {"group": provisioned.group.name, "joined": len(new), "left": len(gone)}
    for word, people in (("first_joined", new), ("first_left", gone)):
        some = list(people)[:_NAMED_IN_AUDIT]
        names = User.objects.filter(pk__in=some).order_by("username").values_list("username", flat=True)
        detail[word] = list(names)
    record_event(actor=client, action="group.members_changed", obj=provisioned.group, detail=detail)


def _check(name: str, external_id: str) -> None:
    if not name.strip() or len(name.strip()) > _MAX_NAME or not name.strip().isprintable():
        raise ChatappError("invalid", detail=f"displayName has 1 to {_MAX_NAME} printable characters.")
    if len(external_id) > 255:
        raise ChatappError("invalid", detail="externalId has at most 255 characters.")
