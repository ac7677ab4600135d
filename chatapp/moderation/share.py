"""How much of the machine's processors this process gives to looks that nothing waits for."""

import os
import threading
import time

OF_THE_MACHINE = 0.1
# So much at once: a whole answer, or some short ones together.
BURST_SECONDS = 2.0


class Share:
    """A bucket of seconds that fills by `of_a_core` a second. Thread-safe.

    Classifiers that only flag read every sentence of every answer. On a machine that writes hundreds of answers at once
    they would take the processors from those who write and read them.
    """

    def __init__(self, of_a_core: float, burst: float = BURST_SECONDS) -> None:
        self._rate, self._burst = of_a_core, burst
        self._lock = threading.Lock()
        self._level, self._at = burst, time.monotonic()

    def has_room(self) -> bool:
        with self._lock:
            self._fill()
            return self._level > 0

    def take(self, seconds: float) -> None:
        """What a look took; the next ones wait for it."""
        with self._lock:
            self._fill()
            self._level -= seconds

    def _fill(self) -> None:
        now = time.monotonic()
        self._level = min(self._burst, self._level + self._rate * (now - self._at))
        self._at = now


unhurried = Share(OF_THE_MACHINE * (os.cpu_count() or 1))
