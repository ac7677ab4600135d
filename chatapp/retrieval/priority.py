"""A lock that whoever somebody waits for gets first."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class PriorityLock:
    """Background work takes it only while nobody else holds it or waits for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_held = False
        self._urgent = 0

    @contextmanager
    def hold(self, *, background: bool = False) -> Iterator[None]:
        with self._changed:
            self._urgent += not background
            try:
                self._changed.wait_for(lambda: not self._is_held and not (background and self._urgent))
            finally:
                self._urgent -= not background
            self._is_held = True
        try:
            yield
        finally:
            with self._changed:
                self._is_held = False
                self._changed.notify_all()
