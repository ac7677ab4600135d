"""People as a SCIM client makes, changes and removes them."""

from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from chatapp.accounts.models import ProvisionedUser, ProvisioningClient, User
from chatapp.accounts.permissions import require
from chatapp.accounts.selectors.provisioning import find_signed_in_user, provider_of
from chatapp.accounts.selectors.sso import find_identity_provider
from chatapp.accounts.services.access import disable_user, enable_user
from chatapp.accounts.services.audit import record_event
from chatapp.accounts.services.provisioned_groups import leave_groups
from chatapp.errors import ChatappError

_MAX_NAME = 150
_REASON = "Provisioning"


@dataclass(frozen=True, kw_only=True)
class PersonRecord:
    """What a client says of a person. `attributes` is kept for the client and used nowhere here."""

    user_name: str
    external_id: str = ""
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    active: bool = True
    attributes: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def create_provisioned_user(*, client: User, record: PersonRecord) -> ProvisionedUser:
    """A new account, or that of somebody with this external id: deleted earlier, or signed in by the provider.

    Raises ChatappError: forbidden, invalid, exists.
    """
    require(client, "accounts.provision")
    source = provider_of(client)
    person = _returning(source, record) or _signed_in(source, record)
    action = "user.adopted_by_provisioning" if person is not None else "user.provisioned"
    if person is None:
        user = User(username=_checked_name(record), is_active=record.active)
        user.set_unusable_password()
        _save(user)
        person = ProvisionedUser(user=user, provider=source.provider, changed_at=timezone.now())
        person.save(force_insert=True)
    record_event(actor=client, action=action, obj=person.user, after=_describe(record))
    return _store(client, person, record)


@transaction.atomic
def change_provisioned_user(*, client: User, person: ProvisionedUser, record: PersonRecord) -> ProvisionedUser:
    """`person` as it was read; nothing is written when nothing differs.

    Raises ChatappError: forbidden, invalid, exists, last_administrator, changed_meanwhile.
    """
    require(client, "accounts.provision")
    locked = ProvisionedUser.objects.select_for_update(of=("self",)).select_related("user").get(pk=person.pk)
    if locked.changed_at != person.changed_at:
        raise ChatappError("changed_meanwhile")
    before = record_of(locked)
    if before == record:
        return locked
    changed = {name: value for name, value in _describe(record).items() if _describe(before)[name] != value}
    told = {name: _describe(before)[name] for name in changed}
    record_event(actor=client, action="user.changed_by_provisioning", obj=locked.user, before=told, after=changed)
    return _store(client, locked, record)


@transaction.atomic
def remove_provisioned_user(*, client: User, person: ProvisionedUser) -> None:
    """Close the account, take it out of its groups and free its name. What the person wrote is kept or erased by the
    rules of privacy, not here. Raises ChatappError: forbidden, last_administrator.
    """
    require(client, "accounts.provision")
    disable_user(user=person.user, actor=client, reason=_REASON)
    leave_groups(client=client, person=person)
    record_event(actor=client, action="user.removed_by_provisioning", obj=person.user)
    mark = f" (removed {str(person.pk)[:8]})"
    User.objects.filter(pk=person.pk).update(username=person.user.username[: _MAX_NAME - len(mark)] + mark)
    now = timezone.now()
    ProvisionedUser.objects.filter(pk=person.pk).update(deleted_at=now, changed_at=now)


@transaction.atomic
def connect_client(*, account: User, provider: str, claim: str = "sub", actor: User | None = None) -> None:
    """Say for which identity provider a client speaks, and which claim of it equals a person's `externalId`.

    Raises ChatappError("invalid") for a provider that is not configured.
    """
    if find_identity_provider(provider) is None or not 0 < len(claim) <= 100:
        raise ChatappError("invalid", detail="there is no identity provider of this name, or the claim has none.")
    before = ProvisioningClient.objects.filter(account=account).values("provider", "claim").first()
    after: dict[str, object] = {"provider": provider, "claim": claim}
    if before == after:
        return
    ProvisioningClient.objects.update_or_create(account=account, defaults=after)
    told = dict(before) if before is not None else None
    record_event(actor=actor, action="provisioning.connected", obj=account, before=told, after=after)


def record_of(person: ProvisionedUser) -> PersonRecord:
    user = person.user
    return PersonRecord(
        user_name=user.username,
        external_id=person.external_id,
        given_name=user.first_name,
        family_name=user.last_name,
        email=user.email,
        active=user.is_active,
        attributes=person.attributes,
    )


def _returning(source: ProvisioningClient, record: PersonRecord) -> ProvisionedUser | None:
    if not record.external_id:
        return None
    known = ProvisionedUser.objects.select_related("user")
    person = known.filter(provider=source.provider, external_id=record.external_id).first()
    if person is not None and person.deleted_at is None:
        raise ChatappError("exists", what="A person with this externalId")
    return person


def _signed_in(source: ProvisioningClient, record: PersonRecord) -> ProvisionedUser | None:
    user = find_signed_in_user(provider=source.provider, external_id=record.external_id)
    if user is None or ProvisionedUser.objects.filter(user=user).exists():
        return None
    person = ProvisionedUser(user=user, provider=source.provider, changed_at=timezone.now())
    person.save(force_insert=True)
    return person


def _store(client: User, person: ProvisionedUser, record: PersonRecord) -> ProvisionedUser:
    user = person.user
    user.username = _checked_name(record, own=user)
    user.first_name, user.last_name = record.given_name[:150], record.family_name[:150]
    user.email = record.email[:254]
    _save(user, only=["username", "first_name", "last_name", "email"])
    if record.active != user.is_active:
        switch = enable_user if record.active else disable_user
        switch(user=user, actor=client, reason=_REASON)
    person.external_id, person.attributes = record.external_id, record.attributes
    person.changed_at, person.deleted_at = timezone.now(), None
    _save(person, only=["external_id", "attributes", "changed_at", "deleted_at"])
    return person


def _save(row: User | ProvisionedUser, *, only: list[str] | None = None) -> None:
    """Two that ask for one name at once: the database lets one have it."""
    try:
        with transaction.atomic():
            row.save(update_fields=only)
    except IntegrityError:
        raise ChatappError("exists", what="A person with this userName or externalId") from None


def _checked_name(record: PersonRecord, *, own: User | None = None) -> str:
    name = record.user_name.strip()
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        raise ChatappError("invalid", detail=f"userName has 1 to {_MAX_NAME} printable characters.")
    if len(record.external_id) > 255:
        raise ChatappError("invalid", detail="externalId has at most 255 characters.")
    others = User.objects.filter(username__iexact=name)
    if (others.exclude(pk=own.pk) if own is not None else others).exists():
        raise ChatappError("exists", what="A person with this userName")
    return name


def _describe(record: PersonRecord) -> dict[str, object]:
    """For the audit: what identifies and what decides; the rest is the client's own."""
    return {"user_name": record.user_name, "external_id": record.external_id, "active": record.active}
