"""Named people of the tests: alice owns, bob is a colleague, mallory has no access."""

from typing import Any, cast

import factory
from django.contrib.auth.models import Group

from chatapp.accounts.models import Role, User

PASSWORD = "correct-horse-battery-staple"
ROLES = {"mona": Role.REVIEWER, "oscar": Role.MODEL_OPERATOR, "ada": Role.ADMINISTRATOR}
GROUPS = {"alice": ("staff", "engineering"), "bob": ("staff", "sales"), "mallory": ()}


class PersonFactory(factory.django.DjangoModelFactory[User]):
    """A person with the roles and groups that the demo company gives the name; `staff` for any other name."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda number: f"person{number}")
    roles = factory.LazyAttribute(lambda person: roles_of(person.username))
    own_roles = factory.SelfAttribute("roles")
    password = factory.django.Password(PASSWORD)

    @factory.post_generation
    def groups(self: Any, create: bool, extracted: tuple[str, ...] | None, **_: Any) -> None:
        names = GROUPS.get(self.username, ("staff",)) if extracted is None else extracted
        self.groups.set(Group.objects.get_or_create(name=name)[0] for name in names)


def roles_of(username: str) -> list[str]:
    special = ROLES.get(username)
    return [Role.EMPLOYEE.value, *([special.value] if special else [])]


def make_person(name: str) -> User:
    return cast("User", PersonFactory(username=name))
