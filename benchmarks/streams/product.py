"""A product of its own, with the scripted model, and people who ask."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.stack import Stack

# People without groups may read no documents, so that what is measured is streaming and not search.
_MAKE_PEOPLE = """
import json
from django.test import Client
from chatapp.accounts.models import User
from chatapp.accounts.services import create_api_key
for number in range({count}):
    user = User(username=f"reader{{number}}", roles=["employee"])
    user.set_unusable_password()
    user.save()
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    print("person", json.dumps([create_api_key(user=user)[1], client.session.session_key]))
"""


@dataclass(frozen=True, slots=True)
class Person:
    key: str
    session: str


@dataclass(frozen=True, slots=True)
class Product:
    stack: Stack
    people: list[Person]

    @property
    def port(self) -> int:
        return self.stack.port


@contextmanager
def running(*, people: int, slots: int) -> Iterator[Product]:
    """Titles and summaries stay off: they are side work, and the scripted model writes none.

    The product is started twice. The real model that a new one serves would take room for all the slots.
    """
    with tempfile.TemporaryDirectory(prefix="streams-") as home:
        environment = {
            "INFERENCE_SLOTS": "1",
            "CHATAPP_TITLES": "0",
            "CHATAPP_SUMMARIES": "0",
            "QUEUE_MAX_GENERATIONS": "2000",
        }
        stack = Stack(Path(home), environment=environment)
        try:
            stack.start()
            stack.serve("scripted")
            known = _make_people(stack, people)
            stack.stop()
            stack.environment["INFERENCE_SLOTS"] = str(slots)
            stack.start()
            yield Product(stack, known)
        finally:
            stack.stop()


def _make_people(stack: Stack, count: int) -> list[Person]:
    lines = stack.manage("shell", "-c", _MAKE_PEOPLE.format(count=count)).splitlines()
    found = (json.loads(line.removeprefix("person ")) for line in lines if line.startswith("person "))
    return [Person(*pair) for pair in found]
