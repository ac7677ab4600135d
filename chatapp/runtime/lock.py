"""One supervisor per home: the kernel drops the lock with the process, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatapp.runtime.instance import read_instance


class AlreadyRunningError(Exception):
    pass


@contextmanager
def lock_home(home: Path) -> Iterator[None]:
    """AlreadyRunningError if another supervisor holds it."""
    with (home / "supervisor.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            instance = read_instance()
            where = f" as process {instance.pid} on port {instance.port}" if instance else ""
            message = f"Chatapp already runs in {home}{where}. Stop it first, or set CHATAPP_HOME to another folder."
            raise AlreadyRunningError(message) from None
        yield
