"""Named people of the tests: alice owns, bob is a colleague, mallory has no access."""

from django.contrib.auth.models import Group

from chatapp.accounts.models import Role, User

PASSWORD = "correct-horse-battery-staple"
ROLES = {
    "mona": Role.REVIEWER,
    "oscar": Role.MODEL_OPERATOR,
    "ada": Role.ADMINISTRATOR,
}
GROUPS = {"alice": ("staff", "engineering"), "bob": ("staff", "sales"), "mallory": ()}


def make_person(name: str) -> User:
    """The person with the roles and groups that the demo company gives them; password PASSWORD."""
    roles = [Role.EMPLOYEE.value, *([ROLES[name].value] if name in ROLES else [])]
    user = User.objects.create_user(username=name, password=PASSWORD, roles=roles)
    for group in GROUPS.get(name, ("staff",)):
        user.groups.add(Group.objects.get_or_create(name=group)[0])
    return user
