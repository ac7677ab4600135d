"""One thread that does one thing after another: loading, hashing, freeing."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

import structlog
from django.db import close_old_connections

Job = Callable[[], None]
log = structlog.get_logger(__name__)


class Background:
    """A daemon: a process that stops does not wait for a model to be loaded first."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def run(self, job: Job) -> None:
        """Returns at once."""
        self._jobs.put(job)

    def stop(self) -> None:
        """After what was given so far."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:
                log.exception("background_job_failed")
            finally:
                close_old_connections()
