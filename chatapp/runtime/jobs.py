"""Long commands of the installation: run side by side, their output in files, one line now and then on the terminal."""

import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from chatapp.runtime import progress

_SECONDS_BETWEEN_LINES = 20.0
_NINJA_STEP = re.compile(rb"\[(\d+)/(\d+)\]")


class InstallError(Exception):
    """The text is for the person at the terminal."""


class Job:
    def __init__(
        self, title: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.title = title
        self._log = log
        self._started = time.monotonic()
        self._next_line = self._started + _SECONDS_BETWEEN_LINES
        log.parent.mkdir(parents=True, exist_ok=True)
        progress.say(title)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
            )

    def wait(self, *beside: "Job") -> None:
        """Until this job is done; the jobs beside it report too. InstallError with the end of the log if it failed."""
        while self._process.poll() is None:
            for job in (self, *beside):
                job.report()
            time.sleep(0.2)
        if self._process.returncode != 0:
            lines = self._log.read_text(errors="replace").splitlines()[-20:]
            raise InstallError("\n".join([f"{self.title} failed. The end of {self._log}:", *lines]))

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def report(self) -> None:
        now = time.monotonic()
        if self._process.poll() is None and now >= self._next_line:
            self._next_line = now + _SECONDS_BETWEEN_LINES
            progress.say(f"{self.title}: {now - self._started:.0f} s so far{self._step()}")

    def _step(self) -> str:
        """How far a compilation is, from the last `[7/250]` of its log."""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - 20_000))
            steps = _NINJA_STEP.findall(log.read())
        return f", step {steps[-1][0].decode()} of {steps[-1][1].decode()}" if steps else ""
