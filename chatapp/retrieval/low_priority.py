"""Threads that give way: reading and embedding files must not slow down a question that somebody waits for.

Linux keeps a nice value per thread (setpriority(2)); threads and processes that such a thread starts, torch's and the
parser among them, inherit it.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from django.db import close_old_connections

# One embeds while another one's file is being read.
SLOTS = 2
_NICE = 10
_free = threading.BoundedSemaphore(SLOTS)


def _give_way() -> None:
    with suppress(OSError):  # systems without a nice value per thread do without
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


_threads = ThreadPoolExecutor(SLOTS, thread_name_prefix="aside", initializer=_give_way)


def run_aside(work: Callable[[], bool]) -> bool:
    """Runs `work` in such a thread and waits for it. False, at once, when all of them are busy."""
    if not _free.acquire(blocking=False):
        return False
    try:
        return _threads.submit(_with_connections, work).result()
    finally:
        _free.release()


def _with_connections(work: Callable[[], bool]) -> bool:
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()
