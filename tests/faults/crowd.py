"""Twenty people who chat on and on, each in one conversation, and try again whatever broke off."""

import random
import threading

from tests.faults.client import wait
from tests.faults.person import Person, Sent
from tests.faults.scene import Scene
from tests.stack import DEMO_PASSWORD

_TOKENS = 10
_QUESTION = f"rate=200 tokens={_TOKENS}"
_BROKEN = {"interrupted", "failed"}
_ANSWER_SECONDS = 60
_TRIES = 20
_SIGN_UP = """
from django.contrib.auth.models import Group
from chatapp.accounts.models import User
staff = Group.objects.get(name="staff")
pilot, _ = Group.objects.get_or_create(name="{pilot}")
for number in range({count}):
    user, is_new = User.objects.get_or_create(username=f"guest{{number:02}}")
    if is_new:
        user.set_password("{password}")
        user.save()
    user.groups.set([staff, pilot] if number < {pilots} else [staff])
"""


class Guest(threading.Thread):
    """`given` are the answers that the person was left with in the end, one for each question."""

    def __init__(self, person: Person, *, seed: int) -> None:
        super().__init__(daemon=True)
        self.person = person
        self.given: list[Sent] = []
        self.broken = 0
        self.problem: BaseException | None = None
        self._dice = random.Random(seed)
        self._resting = threading.Event()

    def run(self) -> None:
        try:
            while not self._resting.is_set():
                self.given.append(self._ask())
                self._resting.wait(self._dice.uniform(0.1, 0.6))
        except BaseException as error:  # noqa: BLE001 - the test shows it
            self.problem = error

    def rest(self) -> None:
        self._resting.set()
        self.join(_ANSWER_SECONDS * 2)
        if self.problem is not None:
            raise self.problem
        assert not self.is_alive()

    def _ask(self) -> Sent:
        before = self.given[-1] if self.given else None
        chat, leaf = (before.conversation, before.answer) if before else ("", "")
        sent = self.person.send(_QUESTION, conversation=chat, leaf=leaf)
        for _ in range(_TRIES):
            _wait_ended(sent)
            if sent.shown.states[-1] not in _BROKEN:
                return sent
            self.broken += 1
            sent = self.person.retry(sent)
        raise AssertionError(f"{_TRIES} tries broke off")


def _wait_ended(sent: Sent) -> None:
    wait(_ANSWER_SECONDS, lambda: sent.shown.ended)


class Crowd:
    def __init__(self, scene: Scene, *, count: int = 20, pilots: int = 0, pilot: str = "pilot") -> None:
        self._scene = scene
        program = _SIGN_UP.format(count=count, pilots=pilots, pilot=pilot, password=DEMO_PASSWORD)
        scene.stack.manage("shell", "-c", program)
        scene.guests = [Person(f"guest{number:02}", scene.stack.base_url) for number in range(count)]
        self.guests = [Guest(person, seed=seed) for seed, person in enumerate(scene.guests)]

    def begin(self) -> None:
        for guest in self.guests:
            guest.person.open_page()
            guest.start()

    def rest(self) -> None:
        for guest in self.guests:
            guest.rest()

    def assert_everybody_was_answered(self) -> None:
        """Each question has its whole answer in the end, whatever broke off before."""
        for guest in self.guests:
            assert guest.given
            assert {sent.shown.states[-1] for sent in guest.given} == {"complete"}
            assert [sent.shown.numbers for sent in guest.given] == [list(range(_TOKENS))] * len(guest.given)

    def thin(self, count: int) -> None:
        """The others go home; invariants are looked at for the first `count`, else they would take minutes."""
        for person in self._scene.guests[count:]:
            person.leave()
            person.http.close()
        del self._scene.guests[count:]
