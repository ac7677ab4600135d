from datetime import datetime
from uuid import UUID

from ninja import Field, Query, Router, Schema
from pydantic import ConfigDict

from chatapp.accounts.models import User
from chatapp.accounts.selectors.people import PeopleFilter, get_person_for, list_people_for, source_of
from chatapp.accounts.services.access import change_person
from chatapp.api.auth import ApiRequest, BearerKey
from chatapp.api.lists import ListQuery, Page, page_of

router = Router(tags=["people"], auth=BearerKey("users", "users:write", permission="accounts.view_users"))


class UsersQuery(ListQuery):
    words: str = Field("", max_length=200, description="Looked for in names and addresses.")
    active: bool | None = None
    role: str = Field("", max_length=32)
    group: str = Field("", max_length=150)
    source: str = Field("", max_length=10, description="scim, sso, local or service.")


class UserOut(Schema):
    id: UUID
    username: str
    name: str
    email: str
    active: bool
    roles: list[str] = Field(description="In effect: given by hand or by company groups.")
    own_roles: list[str] = Field(description="Given by hand.")
    groups: list[str]
    source: str
    created_at: datetime
    seen_at: datetime | None


class UserChange(Schema):
    """Only these can be changed here; anything else is refused."""

    model_config = ConfigDict(extra="forbid")

    active: bool | None = None
    own_roles: list[str] | None = Field(None, max_length=100)
    reason: str = Field("", max_length=1000)


def shape(person: User) -> UserOut:
    return UserOut(
        id=person.pk,
        username=person.username,
        name=person.get_full_name(),
        email=person.email,
        active=person.is_active,
        roles=person.roles,
        own_roles=person.own_roles,
        groups=sorted(group.name for group in person.groups.all()),
        source=source_of(person),
        created_at=person.date_joined,
        seen_at=getattr(person, "seen_at", None) or person.last_login,
    )


@router.get("", response=Page[UserOut])
def list_users(request: ApiRequest, query: Query[UsersQuery]) -> Page[UserOut]:
    wanted = PeopleFilter(**query.dict(exclude={"limit", "cursor"}))
    return page_of(list_people_for(request.auth, wanted), query, shape, by="date_joined")


@router.get("/{uuid:user_id}", response=UserOut)
def get_user(request: ApiRequest, user_id: UUID) -> UserOut:
    return shape(get_person_for(request.auth, user_id))


@router.patch(
    "/{uuid:user_id}", response=UserOut, auth=BearerKey("users", "users:write", permission="accounts.manage_users")
)
def change_user(request: ApiRequest, user_id: UUID, body: UserChange) -> UserOut:
    person = get_person_for(request.auth, user_id)
    change_person(person=person, actor=request.auth, active=body.active, roles=body.own_roles, reason=body.reason)
    return shape(get_person_for(request.auth, user_id))
