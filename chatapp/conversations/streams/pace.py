"""How often followers get a frame: often at first, then a little more rarely, under load as rarely as it takes."""

import asyncio
import time
from weakref import WeakKeyDictionary

FIRST_SECONDS, LATER_SECONDS, LONGEST_SECONDS = 0.1, 0.2, 1.5
# After its first words an answer is read, not awaited.
EAGER_SECONDS = 0.3
WINDOW_SECONDS = 0.25
# What the loop may use of its CPU, and how late it may wake a follower.
BUSY_SHARE, LATE_SECONDS = 0.7, 0.05


class Pace:
    def __init__(self) -> None:
        self.stretch = 1.0
        self._since, self._used, self._late = time.monotonic(), time.thread_time(), 0.0

    def interval(self, age: float) -> float:
        """Seconds until the next frame of an answer whose first words were sent `age` seconds ago."""
        seconds = FIRST_SECONDS if age < EAGER_SECONDS else LATER_SECONDS
        return min(seconds * self.stretch, LONGEST_SECONDS)

    async def rest(self, age: float) -> None:
        seconds, begun = self.interval(age), time.monotonic()
        await asyncio.sleep(seconds)
        now = time.monotonic()
        self._late = max(self._late, now - begun - seconds)
        elapsed = now - self._since
        if elapsed >= WINDOW_SECONDS:
            used = time.thread_time()
            self.adapt(share=(used - self._used) / elapsed, late=self._late)
            self._since, self._used, self._late = now, used, 0.0

    def adapt(self, *, share: float, late: float) -> None:
        load = max(share / BUSY_SHARE, late / LATE_SECONDS)
        self.stretch *= min(max(load, 0.8), 1.5)
        self.stretch = min(max(self.stretch, 1.0), LONGEST_SECONDS / FIRST_SECONDS)


_paces: WeakKeyDictionary[asyncio.AbstractEventLoop, Pace] = WeakKeyDictionary()


def get_pace() -> Pace:
    """The pace of the running event loop; a web process has one."""
    return _paces.setdefault(asyncio.get_running_loop(), Pace())
