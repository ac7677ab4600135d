"""What to do while PostgreSQL is away: which errors say so, and how long a write is tried again."""

import time
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from channels.db import database_sync_to_async
from django.db import InterfaceError, OperationalError, connection
from psycopg_pool import PoolTimeout

from chatapp.metrics import count_fault

AWAY = (OperationalError, InterfaceError, PoolTimeout)
LONGEST_PAUSE_SECONDS = 2.0
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def in_thread(call: Callable[Arguments, Result]) -> Callable[Arguments, Awaitable[Result]]:
    """For sockets: runs a query beside the loop in any of several threads.

    By default all sockets of a process would share one thread, and one query that waits would hold up all of them.
    """
    beside: Callable[Arguments, Awaitable[Result]] = database_sync_to_async(call, thread_sensitive=False)
    return beside


def try_patiently(call: Callable[[], Result], *, seconds: float) -> tuple[Result, bool]:
    """Calls until the database takes it. Returns the result and whether an earlier try may have been committed.

    Raises the last error after `seconds`. Not inside a transaction.
    """
    deadline, pause, failed = time.monotonic() + seconds, 0.1, False
    while True:
        try:
            return call(), failed
        except AWAY:
            count_fault("database_away")
            connection.close()
            if time.monotonic() + pause > deadline:
                raise
        failed = True
        time.sleep(pause)
        pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
