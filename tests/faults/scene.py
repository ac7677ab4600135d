"""The people of a fault: alice asks, bob works beside her, mallory listens where she may not, guests come for some."""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tests.faults.client import wait
from tests.faults.person import Person, Sent
from tests.faults.services import FaultStack

_FAULTS = re.compile(r'^chatapp_faults_total\{kind="(\w+)"\} ([0-9.e+]+)$', re.MULTILINE)
_BUSY = re.compile(r'^chatapp_engine_slots\{state="busy"\} ([0-9.]+)$', re.MULTILINE)
_GENERATION = """
    SELECT g.status, m.text, g.attempt, g.error_code, g.finish_reason, g.checkpoint
    FROM conversations_generation g JOIN conversations_message m ON m.id = g.message_id WHERE g.id = %s
"""


class Scene:
    def __init__(self, stack: FaultStack) -> None:
        self.stack = stack
        self.alice, self.bob, self.mallory = (Person(name, stack.base_url) for name in ("alice", "bob", "mallory"))
        self.guests: list[Person] = []
        self.allowed_loss = 0
        self.counted: dict[str, float] = {}

    @property
    def proves_something(self) -> bool:
        """Whether anybody has asked anything, deleted chats included."""
        return any(person.asked for person in self.people)

    @property
    def people(self) -> list[Person]:
        return [self.alice, self.bob, self.mallory, *self.guests]

    def begin(self) -> None:
        self.stack.wait_ready(120)
        self.allowed_loss = 0
        self.counted = self.count_faults()
        for person in self.people:
            person.open_page()

    def end(self) -> None:
        """Whatever a failed test has left must not reach the next one."""
        for proxy in self.stack.proxies.values():
            proxy.restore()
        for person in self.people:
            for sent in person.sent:
                with suppress(httpx.HTTPError, AssertionError):
                    person.stop(sent)
            person.leave()
        for guest in self.guests:
            guest.http.close()
        self.guests = []

    def close(self) -> None:
        for person in self.people:
            person.http.close()

    def all_sent(self) -> list[tuple[Person, Sent]]:
        return [(person, sent) for person in self.people for sent in person.sent]

    def stored(self, sent: Sent) -> dict[str, Any]:
        """The row of the answer: status, text, attempt, error_code, finish_reason, checkpoint."""
        names = ("status", "text", "attempt", "error_code", "finish_reason", "checkpoint")
        return dict(zip(names, self.stack.rows(_GENERATION, sent.generation)[0], strict=True))

    def wait_status(self, sent: Sent, *statuses: str, seconds: float = 90) -> dict[str, Any]:
        """From the database; what the page says is I8's affair."""

        def probe() -> dict[str, Any] | None:
            found = self.stored(sent)
            return found if found["status"] in statuses else None

        found: dict[str, Any] = wait(seconds, probe)
        return found

    def wait_attempt(self, sent: Sent, attempt: int, seconds: float = 120) -> None:
        wait(seconds, lambda: self.stored(sent)["attempt"] >= attempt)

    def wait_shown(self, sent: Sent, tokens: int, seconds: float = 60) -> None:
        wait(seconds, lambda: len(sent.shown.numbers) >= tokens)

    def count_faults(self) -> dict[str, float]:
        return {kind: float(count) for kind, count in _FAULTS.findall(self._metrics())}

    def has_counted(self, kind: str) -> bool:
        """Whether `chatapp_faults_total` of the kind has risen since the fault began."""
        return self.count_faults().get(kind, 0) > self.counted.get(kind, 0)

    def count_busy_slots(self) -> float:
        return float(_BUSY.findall(self._metrics())[0])

    def memory_of(self, role: str) -> int:
        """Resident memory in KB."""
        status = Path(f"/proc/{self.stack.pids[role]}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])

    def wait_for(self, probe: Callable[[], Any], seconds: float = 60) -> Any:
        return wait(seconds, probe)

    def _metrics(self) -> str:
        return httpx.get(self.stack.base_url + "/metrics", timeout=30).text
