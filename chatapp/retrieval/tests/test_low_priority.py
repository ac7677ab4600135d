"""Reading files gives way to whoever waits for an answer."""

import os
import threading
import time
from collections.abc import Callable

import pytest

from chatapp.retrieval.low_priority import SLOTS, run_aside
from chatapp.retrieval.priority import PriorityLock


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_who_waits_urgently_goes_before_background_work() -> None:
    lock = PriorityLock()
    order: list[str] = []

    def take(name: str, *, background: bool) -> None:
        with lock.hold(background=background):
            order.append(name)

    with lock.hold(background=True):
        waiting = [in_thread(lambda: take("background", background=True))]
        time.sleep(0.05)
        waiting += [in_thread(lambda: take("urgent", background=False)) for _ in range(3)]
        time.sleep(0.05)
    for thread in waiting:
        thread.join(5)
    assert order == ["urgent", "urgent", "urgent", "background"]


def test_the_lock_is_free_after_an_error() -> None:
    lock = PriorityLock()
    with pytest.raises(ZeroDivisionError), lock.hold():
        raise ZeroDivisionError
    with lock.hold(background=True):
        pass


@pytest.mark.django_db
def test_work_aside_is_nice_and_so_is_what_it_starts() -> None:
    seen: list[int] = []

    def nice_of(thread: int) -> int:
        return os.getpriority(os.PRIO_PROCESS, thread)

    def work() -> bool:
        seen.append(nice_of(threading.get_native_id()))
        in_thread(lambda: seen.append(nice_of(threading.get_native_id()))).join(5)
        return True

    mine = nice_of(threading.get_native_id())
    assert run_aside(work)
    assert len(seen) == 2
    assert all(nice > mine for nice in seen)
    assert nice_of(threading.get_native_id()) == mine


@pytest.mark.django_db
def test_when_all_are_busy_nobody_waits() -> None:
    go = threading.Event()
    started = threading.Barrier(SLOTS + 1)

    def work() -> bool:
        started.wait(5)
        return go.wait(5)

    busy = [in_thread(lambda: run_aside(work)) for _ in range(SLOTS)]
    started.wait(5)
    assert run_aside(work) is False
    go.set()
    for thread in busy:
        thread.join(5)
    assert run_aside(lambda: True)
