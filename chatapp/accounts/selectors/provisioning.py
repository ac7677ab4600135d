"""What a SCIM client sees: the people and groups that it manages, and nobody else."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db.models import Q, QuerySet

from chatapp.accounts.models import (
    IdentityProvider,
    ProvisionedGroup,
    ProvisionedMembership,
    ProvisionedUser,
    ProvisioningClient,
    User,
)
from chatapp.accounts.permissions import require
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


def known_members(ids: Collection[str]) -> set[UUID]:
    """Those of the ids that are provisioned people."""
    return set(ProvisionedUser.objects.filter(pk__in=_uuids(ids), deleted_at=None).values_list("pk", flat=True))


def provider_of(client: User) -> ProvisioningClient:
    """For which identity provider the client speaks: as configured, or for the only one that there is."""
    configured = ProvisioningClient.objects.filter(account=client).first()
    if configured is not None:
        return configured
    slugs = _enabled_providers()
    return ProvisioningClient(account=client, provider=slugs[0] if len(slugs) == 1 else "")


def find_signed_in_user(*, source: ProvisioningClient, external_id: str) -> User | None:
    """Who has signed in by the client's provider with this identity already. Never by name or address."""
    if not (source.provider and external_id):
        return None
    accounts = SocialAccount.objects.filter(provider=source.provider).select_related("user")
    if source.claim == "sub":
        told = Q(uid=external_id)
    else:
        told = Q(extra_data__id_token__contains={source.claim: external_id})
        told |= Q(extra_data__userinfo__contains={source.claim: external_id})
    found = [account.user for account in accounts.filter(told)[:2]]
    return found[0] if len(found) == 1 else None


def find_provisioned_user(*, provider: str, subject: str, claims: Mapping[str, object] | None = None) -> User | None:
    """Whose account a first sign-in by this provider opens: that of the same external id, active or not.

    Never by name or address. None also when somebody of the provider uses that account already.
    """
    source = ProvisioningClient.objects.filter(provider=provider).order_by("pk").first()
    claim = source.claim if source is not None else "sub"
    told = subject if claim == "sub" else (claims or {}).get(claim)
    if not isinstance(told, str) or not told:
        return None
    people = ProvisionedUser.objects.filter(provider=provider, external_id=told).select_related("user")
    person = people.first()
    if person is None or SocialAccount.objects.filter(user_id=person.pk, provider=provider).exists():
        return None
    return person.user


def _enabled_providers() -> list[str]:
    configured = [
        app["provider_id"] for kind in settings.SOCIALACCOUNT_PROVIDERS.values() for app in kind.get("APPS", ())
    ]
    return [*configured, *IdentityProvider.objects.filter(enabled=True).values_list("slug", flat=True)]


def _uuids(ids: Collection[str]) -> list[UUID]:
    found = []
    for text in ids:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
