"""Hands messages to Celery in a thread of its own: whoever announces something never waits for a broker that hangs."""

import atexit
import queue
import threading
import time
from collections.abc import Callable

import structlog

from chatapp.metrics import count_fault

LIMIT = 1000
LAST_SECONDS = 2.0
log = structlog.get_logger(__name__)


class Announcer:
    """What does not fit, or the broker does not take, is lost: Postgres holds the work, and workers look there."""

    def __init__(self, *, limit: int = LIMIT) -> None:
        self._calls: queue.Queue[tuple[str, Callable[[], object]]] = queue.Queue(limit)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def announce(self, name: str, call: Callable[[], object]) -> None:
        self._start()
        try:
            self._calls.put_nowait((name, call))
        except queue.Full:
            self._lose(name, "Full")

    def flush(self) -> None:
        """At the end of a process: what waits still goes out, if it does so soon."""
        deadline = time.monotonic() + LAST_SECONDS
        while self._calls.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)
                self._thread.start()
                atexit.register(self.flush)

    def _run(self) -> None:
        while True:
            name, call = self._calls.get()
            try:
                call()
            except Exception as error:  # noqa: BLE001 - of kombu, of redis-py, of the system: all mean the same here
                self._lose(name, type(error).__name__)
            finally:
                self._calls.task_done()

    @staticmethod
    def _lose(name: str, reason: str) -> None:
        count_fault("redis_lost")
        log.warning("announcement_lost", announcement=name, reason=reason)


_announcer = Announcer()


def announce(name: str, call: Callable[[], object]) -> None:
    """From the one thread of this process."""
    _announcer.announce(name, call)
