"""One child process: how it starts, when it counts as ready, how it stops and takes its own children with it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chatapp.runtime.linux import die_with_parent


class ProcessError(Exception):
    """A process did not start; the text says which one, why, and where its log is."""


@dataclass(frozen=True, kw_only=True)
class Program:
    name: str
    command: tuple[str, ...]
    log: Path
    folder: Path
    environment: Mapping[str, str] | None = None  # None: that of the parent
    prepare: Callable[[], None] | None = None  # runs in the parent before every start
    become: Callable[[], object] | None = None  # runs in the child before exec
    user: int | None = None
    ready: Callable[[], bool] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL  # what it gets when its parent was killed


class Process:
    """Start only from a thread that lives as long as the process shall: the parent-death signal counts threads."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._popen is None else self._popen.pid

    def start(self) -> None:
        program = self.program
        if program.prepare is not None:
            program.prepare()
        parent = os.getpid()

        def before_exec() -> None:
            if program.become is not None:
                program.become()
            die_with_parent(parent, program.orphan_signal)

        with program.log.open("ab") as log:
            self._popen = subprocess.Popen(
                program.command,
                cwd=program.folder,
                env=program.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the terminal's Ctrl-C reaches the supervisor alone
                preexec_fn=before_exec,  # noqa: PLW1509  the supervisor has one thread, so fork is safe here
                user=program.user,
                group=program.user,
                extra_groups=None if program.user is None else [],
            )

    def wait_ready(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.program.ready is not None and not self.program.ready():
            if self.has_exited():
                raise ProcessError(self._explain("ended while starting"))
            if time.monotonic() > deadline:
                raise ProcessError(self._explain(f"is not ready after {seconds:.0f} s"))
            time.sleep(0.02)

    def has_exited(self) -> bool:
        """The dead process stays unreaped, so that its id still names its process group for `kill`."""
        if self._popen is None or self._popen.returncode is not None:
            return True
        return os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def terminate(self) -> None:
        if self._popen is not None and not self.has_exited():
            self._popen.send_signal(self.program.stop_signal)

    def kill(self) -> int | None:
        """End the whole process group. Returns the exit status, negative for a signal; None if it never ran."""
        if self._popen is None or self._popen.returncode is not None:
            return None if self._popen is None else self._popen.returncode
        with suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        return self._popen.wait()

    def _explain(self, what: str) -> str:
        lines = self.program.log.read_text(errors="replace").splitlines()[-5:] if self.program.log.exists() else []
        return "\n  ".join([f"{self.program.name} {what}. Its log is {self.program.log} and ends with:", *lines])


def stop_all(processes: list[Process], *, seconds: float) -> list[str]:
    """Ask all of them to stop, let them drain together, then end what is left, children of children too.

    Returns the names of those that did not stop by themselves.
    """
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not all(process.has_exited() for process in processes):
        time.sleep(0.05)
    late = [process.program.name for process in processes if not process.has_exited()]
    for process in processes:
        process.kill()
    return late
