"""From where something is done: a request, a socket, a task or a command. Audit events carry it.

Whoever takes a request in says how to describe it (`doing_for`); nothing is looked up until an event is written.
"""

import getpass
import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from chatapp.celery import app

Description = dict[str, object]
_describe: ContextVar[Callable[[], Description] | None] = ContextVar("origin", default=None)
AGENT_CHARACTERS = 200


@contextmanager
def doing_for(describe: Callable[[], Description]) -> Iterator[None]:
    """What is recorded inside comes from what `describe` tells. Threads and tasks started inside inherit it."""
    token = _describe.set(describe)
    try:
        yield
    finally:
        _describe.reset(token)


def current_origin() -> Description:
    """`process` (web, socket, api, task, command) and what is known: `address`, `agent`, `session` (a digest),
    `api_key` (its id), `request` (the id in the log), `task`, `system_user`.
    """
    describe = _describe.get()
    if describe is not None:
        return {name: value for name, value in describe().items() if value}
    task = app.current_task  # None outside of one
    if task is not None:
        return {"process": "task", "task": task.name}
    program = Path(sys.argv[0]).name
    if program == "manage.py":
        return {"process": "command", "command": " ".join(sys.argv[1:2]), "system_user": getpass.getuser()}
    return {"process": program}


def digest_of_session(key: str | None) -> str:
    """Tells sessions apart without being one."""
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""
