from dataclasses import dataclass
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from chatapp.accounts.models import ProvisionedUser, User
from chatapp.accounts.permissions import CATALOGUE, can
from chatapp.errors import ChatappError

SOURCES = {"scim": "Provisioning", "sso": "Single sign-on", "local": "Password", "service": "Service account"}


@dataclass(frozen=True, kw_only=True)
class PeopleFilter:
    """What is empty does not narrow. `words` is looked for in names and addresses; `source` is a key of SOURCES."""

    words: str = ""
    active: bool | None = None
    role: str = ""
    group: str = ""
    source: str = ""


def get_user_by_name(username: str) -> User | None:
    return User.objects.filter(username=username).first()


def list_people_who_may(action: str) -> list[User]:
    """All active people whose roles give the permission, whoever asks: for notices to them."""
    roles = [role.value for role in CATALOGUE[action].roles]
    holders = Q(roles__overlap=roles) | Q(permissions__contains=[action])
    return list(User.objects.filter(holders, is_active=True, is_service=False).order_by("username"))


def list_people_for(viewer: User, wanted: PeopleFilter) -> QuerySet[User]:
    """With what pages show of them: three queries for any number. Nobody without `accounts.view_users`."""
    people = _people(viewer)
    for word in wanted.words.split()[:5]:
        columns = ("username", "first_name", "last_name", "email")
        names = Q()
        for column in columns:
            names |= Q(**{f"{column}__icontains": word})
        people = people.filter(names)
    if wanted.active is not None:
        people = people.filter(is_active=wanted.active)
    if wanted.role:
        people = people.filter(roles__contains=[wanted.role])
    if wanted.group:
        people = people.filter(groups__name=wanted.group)
    if wanted.source:
        people = people.filter(**_SOURCE_CONDITIONS.get(wanted.source, {"pk": None}))
    return people


def get_person_for(viewer: User, user_id: UUID) -> User:
    """Raises ChatappError("not_found")."""
    found = _people(viewer).filter(pk=user_id).first()
    if found is None:
        raise ChatappError("not_found")
    return found


def _people(viewer: User) -> QuerySet[User]:
    if not can(viewer, "accounts.view_users"):
        return User.objects.none()
    known = ProvisionedUser.objects.filter(user=OuterRef("pk"), deleted_at=None)
    signed_in = SocialAccount.objects.filter(user=OuterRef("pk"))
    people = User.objects.annotate(
        is_provisioned=Exists(known), is_sso=Exists(signed_in), seen_at=Max("sign_ins__last_seen_at")
    )
    return people.prefetch_related("groups__given_roles")


_SOURCE_CONDITIONS: dict[str, dict[str, bool]] = {
    "service": {"is_service": True},
    "scim": {"is_provisioned": True, "is_service": False},
    "sso": {"is_sso": True, "is_provisioned": False, "is_service": False},
    "local": {"is_sso": False, "is_provisioned": False, "is_service": False},
}


def source_of(person: User) -> str:
    """A key of SOURCES, for one that `list_people_for` or `get_person_for` gave."""
    for source, condition in _SOURCE_CONDITIONS.items():
        if all(getattr(person, name) is value for name, value in condition.items()):
            return source
    return "local"
