"""What to do while PostgreSQL is away: which errors say so, and how long a write is tried again."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection
from psycopg_pool import PoolTimeout

from chatapp.metrics import count_fault

AWAY = (OperationalError, InterfaceError, PoolTimeout)
LONGEST_PAUSE_SECONDS = 2.0
Result = TypeVar("Result")


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
