"""People who ask without end while faults happen: new chats and old ones, some stopped, some watched twice."""

import random
import threading
import time
from contextlib import suppress

import httpx

from tests.faults.person import Person, Sent

# Above this many, a person waits for answers to end, as people do.
_AT_ONCE = 3


class Load(threading.Thread):
    """One person's asking, until `rest`. What was acknowledged stands in the person's `sent`."""

    def __init__(self, person: Person, *, seed: int) -> None:
        super().__init__(daemon=True)
        self.person = person
        self.problems: list[str] = []
        self._dice = random.Random(seed)
        self._resting = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._resting.is_set():
            live = [sent for sent in self.person.sent if not sent.shown.ended]
            if len(live) >= _AT_ONCE:
                self._resting.wait(0.3)
                continue
            try:
                self._ask()
            except AssertionError as error:
                self.problems.append(str(error))
            self._resting.wait(self._dice.uniform(0.2, 1.5))

    def rest(self) -> None:
        self._resting.set()
        self.join(180)
        assert not self.problems, self.problems

    def _ask(self) -> None:
        sent = self.person.send(f"rate=30 tokens={self._dice.randrange(20, 400)}", seconds=150)
        if self._dice.random() < 0.2:
            self._stop_later(sent)

    def _stop_later(self, sent: Sent) -> None:
        time.sleep(self._dice.uniform(0.0, 2.0))
        with suppress(httpx.TransportError, AssertionError):  # Refused meanwhile: then it is answered.
            self.person.stop(sent)
