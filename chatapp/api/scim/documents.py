"""What SCIM calls User and Group here, and how stored people and groups become such documents."""

from typing import Annotated, ClassVar
from uuid import UUID

from scim2_models import (
    URN,
    ComplexAttribute,
    Context,
    Extension,
    Meta,
    Mutability,
    Reference,
    Required,
    Resource,
    Uniqueness,
)
from scim2_models import Group as StandardGroup
from scim2_models.resources.group import GroupMember
from scim2_models.resources.user import Address, GroupMembership, Name, PhoneNumber

from chatapp.accounts.models import ProvisionedGroup, ProvisionedUser
from chatapp.accounts.services.provisioned_users import PersonRecord
from chatapp.errors import ChatappError

_MAX_BYTES = 32 * 1024
Members = list[tuple[UUID, str]]


class Email(ComplexAttribute):
    value: str | None = None
    display: str | None = None
    type: str | None = None
    primary: bool | None = None


class Manager(ComplexAttribute):
    value: str | None = None
    display_name: Annotated[str | None, Mutability.read_only] = None


class Enterprise(Extension):
    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    employee_number: str | None = None
    cost_center: str | None = None
    organization: str | None = None
    division: str | None = None
    department: str | None = None
    manager: Manager | None = None


class Person(Resource[Enterprise]):
    """The attributes that are kept. No password, role or entitlement is among them: those are not a directory's."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    name: Name | None = None
    Name: ClassVar[type[ComplexAttribute]] = Name
    display_name: str | None = None
    nick_name: str | None = None
    title: str | None = None
    user_type: str | None = None
    preferred_language: str | None = None
    locale: str | None = None
    timezone: str | None = None
    active: bool | None = None
    emails: list[Email] | None = None
    phone_numbers: list[PhoneNumber] | None = None
    addresses: list[Address] | None = None
    groups: Annotated[list[GroupMembership] | None, Mutability.read_only] = None


Group = StandardGroup


def person_document(person: ProvisionedUser, groups: Members, base: str) -> Person:
    user = person.user
    stored = {
        "schemas": [str(Person.__schema__)],
        **person.attributes,
        "id": str(user.pk),
        "externalId": person.external_id or None,
        "userName": user.username,
        "active": user.is_active,
    }
    document = Person.model_validate(stored)
    document.groups = [
        GroupMembership(value=str(pk), display=name, ref=Reference(f"{base}/Groups/{pk}"), type="direct")
        for pk, name in groups
    ] or None
    document.meta = _meta("User", person, f"{base}/Users/{user.pk}")
    return document


def group_document(group: ProvisionedGroup, members: Members, base: str) -> Group:
    document = Group(id=str(group.pk), external_id=group.external_id or None, display_name=group.group.name)
    # Ten thousand members: built without being validated once more.
    document.members = [
        GroupMember.model_construct(value=str(pk), display=name, ref=f"{base}/Users/{pk}", type="User")
        for pk, name in members
    ] or None
    document.meta = _meta("Group", group, f"{base}/Groups/{group.pk}")
    return document


def record_of_document(document: Person) -> PersonRecord:
    """Raises ChatappError("invalid") for more than is kept of one person."""
    kept = document.model_dump(scim_ctx=Context.DEFAULT)
    for name in ("id", "externalId", "userName", "active", "groups", "meta", "schemas"):
        kept.pop(name, None)
    if len(str(kept).encode(errors="replace")) > _MAX_BYTES:
        raise ChatappError("invalid", detail=f"a person has at most {_MAX_BYTES} bytes of attributes.")
    called = document.name or Name()
    return PersonRecord(
        user_name=(document.user_name or "").strip(),
        external_id=document.external_id or "",
        given_name=(called.given_name or "")[:150],
        family_name=(called.family_name or "")[:150],
        email=_main_address(document),
        active=document.active is not False,
        attributes=kept,
    )


def version_of(row: ProvisionedUser | ProvisionedGroup) -> str:
    return f'W/"{int(row.changed_at.timestamp() * 1_000_000):x}"'


def _meta(kind: str, row: ProvisionedUser | ProvisionedGroup, location: str) -> Meta:
    return Meta(
        resource_type=kind,
        created=row.created_at,
        last_modified=row.changed_at,
        location=location,
        version=version_of(row),
    )


def _main_address(document: Person) -> str:
    emails = document.emails or []
    main = next((email for email in emails if email.primary), emails[0] if emails else None)
    return ((main.value if main else None) or "")[:254]
