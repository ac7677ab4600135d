"""A few daemon threads for one check."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from django.db import connections

from chatapp.moderation.checks.examiner import ExaminerError

T = TypeVar("T")


class _Work(Generic[T]):
    def __init__(self, call: Callable[[], T], until: float) -> None:
        self.call = call
        self.until = until
        self.future: Future[T] = Future()

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.call())
        except BaseException as error:  # noqa: BLE001 - it is the waiting thread's to judge
            self.future.set_exception(error)


class Lane:
    """Work of one check; what hangs here takes no thread from another check, and keeps no process from its end.

    Threads live while there is something to do: those of an executor would be waited for at the exit.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Work[Any]] = deque()
        self._running: list[_Work[Any]] = []
        self._threads = 0

    def submit(self, call: Callable[[], T], *, until: float, threads: int) -> Future[T]:
        """`until`, by the monotonic clock, nobody waits longer for the result.

        Raises ExaminerError when each of the `threads` is still busy with work for which nobody waits any more.
        """
        work = _Work(call, until)
        with self._lock:
            now = time.monotonic()
            if sum(other.until < now for other in self._running) >= threads:
                raise ExaminerError("Earlier looks hang.")
            self._waiting.append(work)
            if self._threads < threads:
                self._threads += 1
                threading.Thread(target=self._work_off, name="examiner", daemon=True).start()
        return work.future

    def _work_off(self) -> None:
        while (work := self._take()) is not None:
            work.run()
            with self._lock:
                self._running.remove(work)
        connections.close_all()  # What looks something up in Postgres has opened one for this thread.

    def _take(self) -> _Work[Any] | None:
        with self._lock:
            if not self._waiting:
                self._threads -= 1
                return None
            self._running.append(self._waiting.popleft())
            return self._running[-1]
