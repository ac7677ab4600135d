"""Keeps one process alive: starts it again when it ends, with growing pauses, and repeats its warnings."""

import time

from chatapp.runtime import progress
from chatapp.runtime.logs import LogTail, trim_log
from chatapp.runtime.process import Process, ProcessError

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_STABLE_SECONDS = 60.0


class WatchedProcess:
    """Make it before the process starts, so that the first line of its log is seen too."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.deaths_in_a_row = 0
        self._tail = LogTail(process.program.log)
        self._started = time.monotonic()
        self._restart_at: float | None = None

    @property
    def name(self) -> str:
        return self.process.program.name

    def tend(self) -> bool:
        """Look once; call it a few times a second. True when the process has a new id."""
        for line in self._tail.read_serious_lines():
            progress.echo(self.name, line)
        now = time.monotonic()
        if self._restart_at is None and self.process.has_exited():
            self._bury(now)
        if self._restart_at is None or now < self._restart_at:
            return False
        return self._restart(now)

    def trim_log(self) -> None:
        trim_log(self.process.program.log)

    def _bury(self, now: float) -> None:
        status = self.process.kill()
        self.deaths_in_a_row = 1 if now - self._started > _STABLE_SECONDS else self.deaths_in_a_row + 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (self.deaths_in_a_row - 1))
        self._restart_at = now + pause
        progress.say(f"{self.name} ended with status {status}; it starts again in {pause:g} s")

    def _restart(self, now: float) -> bool:
        self._started, self._restart_at = now, None
        try:
            self.process.start()
        except (OSError, ProcessError) as error:
            progress.say(f"{self.name} could not be started: {error}")
            self._bury(now)
            return False
        progress.say(f"{self.name} runs again as process {self.process.pid}")
        return True
