"""What a SCIM client sees: the people and groups that it manages, and nobody else."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.db.models import QuerySet

from chatapp.accounts.models import (
    ProvisionedGroup,
    ProvisionedMembership,
    ProvisionedUser,
    ProvisioningClient,
    User,
)
from chatapp.accounts.permissions import require
from chatapp.accounts.selectors.sso import list_identity_providers
from chatapp.errors import ChatappError


def list_provisioned_users_for(client: User) -> QuerySet[ProvisionedUser]:
    """Raises ChatappError("forbidden")."""
    require(client, "accounts.provision")
    return ProvisionedUser.objects.filter(deleted_at=None).select_related("user")


def get_provisioned_user_for(client: User, user_id: str) -> ProvisionedUser:
    """Raises ChatappError: forbidden, not_found."""
    found = list_provisioned_users_for(client).filter(pk__in=_uuids([user_id])).first()
    if found is None:
        raise ChatappError("not_found")
    return found


def list_provisioned_groups_for(client: User) -> QuerySet[ProvisionedGroup]:
    """Raises ChatappError("forbidden")."""
    require(client, "accounts.provision")
    return ProvisionedGroup.objects.select_related("group")


def get_provisioned_group_for(client: User, group_id: str) -> ProvisionedGroup:
    """Raises ChatappError: forbidden, not_found."""
    found = list_provisioned_groups_for(client).filter(pk__in=_uuids([group_id])).first()
    if found is None:
        raise ChatappError("not_found")
    return found


def groups_of_people(people: Collection[ProvisionedUser]) -> Mapping[UUID, list[tuple[UUID, str]]]:
    """Id and name of the provisioned groups of each person, in one query."""
    rows = ProvisionedMembership.objects.filter(person__in=people).order_by("group__group__name")
    groups: dict[UUID, list[tuple[UUID, str]]] = defaultdict(list)
    for person_id, group_id, name in rows.values_list("person_id", "group_id", "group__group__name"):
        groups[person_id].append((group_id, name))
    return groups


def members_of_groups(groups: Collection[ProvisionedGroup]) -> Mapping[UUID, list[tuple[UUID, str]]]:
    """Id and name of the provisioned members of each group, in one query."""
    rows = ProvisionedMembership.objects.filter(group__in=groups, person__deleted_at=None).order_by("id")
    members: dict[UUID, list[tuple[UUID, str]]] = defaultdict(list)
    for group_id, person_id, name in rows.values_list("group_id", "person_id", "person__user__username"):
        members[group_id].append((person_id, name))
    return members


def groups_of_account(user: User) -> list[str]:
    """Names of the groups that a client gave this account."""
    rows = ProvisionedMembership.objects.filter(person=user.pk)
    return list(rows.values_list("group__group__name", flat=True))


def known_members(ids: Collection[str]) -> set[UUID]:
    """Those of the ids that are provisioned people."""
    return set(ProvisionedUser.objects.filter(pk__in=_uuids(ids), deleted_at=None).values_list("pk", flat=True))


def provider_of(client: User) -> ProvisioningClient:
    """For which identity provider the client speaks: as configured, or for the only one that there is."""
    configured = ProvisioningClient.objects.filter(account=client).first()
    if configured is not None:
        return configured
    slugs = [provider.slug for provider in list_identity_providers()]
    return ProvisioningClient(account=client, provider=slugs[0] if len(slugs) == 1 else "")


def claim_of(provider: str) -> str:
    """What the provider says at a sign-in that equals a SCIM `externalId`."""
    configured = ProvisioningClient.objects.filter(provider=provider).order_by("pk").first()
    return configured.claim if configured is not None else "sub"


def find_signed_in_user(*, provider: str, external_id: str) -> User | None:
    """Who has signed in by this provider with this identity already. Never by name or address."""
    if not (provider and external_id):
        return None
    accounts = SocialAccount.objects.filter(provider=provider, extra_data__external_id=external_id)
    found = [account.user for account in accounts.select_related("user")[:2]]
    return found[0] if len(found) == 1 else None


def find_provisioned_user(*, provider: str, external_id: str) -> User | None:
    """Whose account a first sign-in by this provider opens: that of the same external id, active or not.

    Never by name or address. None also when somebody of the provider uses that account already.
    """
    if not external_id:
        return None
    people = ProvisionedUser.objects.filter(provider=provider, external_id=external_id).select_related("user")
    person = people.first()
    if person is None or SocialAccount.objects.filter(user_id=person.pk, provider=provider).exists():
        return None
    return person.user


def _uuids(ids: Collection[str]) -> list[UUID]:
    found = []
    for text in ids:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
