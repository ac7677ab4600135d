"""Servers that outlived a killed supervisor: they are ended before their successor opens the same files."""

import os
import signal
import time
from pathlib import Path

_PATIENCE_SECONDS = 20


def end_leftover(pid_file: Path, *, folder: Path, stop_signal: signal.Signals) -> None:
    """Stop the server named in `pid_file` if it still works in `folder`, else only forget the id: others use it now."""
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while _works_in(pid, folder):
        _send(pid, stop_signal if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(0.1)
    pid_file.unlink(missing_ok=True)


def _works_in(pid: int, folder: Path) -> bool:
    """A zombie has no working folder any more, so it does not count."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder
    except OSError:
        return False


def _send(pid: int, signum: signal.Signals) -> None:
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        return
