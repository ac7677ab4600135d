"""Who works at the demo company, and which collections it has."""

from dataclasses import dataclass

from chatapp.accounts.models import Role
from chatapp.retrieval.models import AccessRole


@dataclass(frozen=True, slots=True)
class Person:
    username: str
    first_name: str
    last_name: str
    roles: tuple[Role, ...] = ()
    groups: tuple[str, ...] = ("staff",)

    @property
    def email(self) -> str:
        return f"{self.username}@brackwell.example"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A collection: which group may do what with it."""

    slug: str
    name: str
    groups: dict[str, AccessRole]


OWNER = "ada"
PEOPLE = (
    Person("alice", "Alice", "Thornton", groups=("staff", "engineering")),
    Person("bob", "Bob", "Fairley", groups=("staff", "sales")),
    Person("mallory", "Mallory", "Crane", groups=()),
    Person("mona", "Mona", "Weber", roles=(Role.REVIEWER,)),
    Person("oscar", "Oscar", "Pinto", roles=(Role.MODEL_OPERATOR,)),
    Person(OWNER, "Ada", "Nowak", roles=(Role.ADMINISTRATOR,)),
)
COLLECTIONS = (
    Shelf("handbook", "Employee handbook", {"staff": AccessRole.READER}),
    Shelf("engineering-notes", "Engineering notes", {"engineering": AccessRole.EDITOR}),
)
