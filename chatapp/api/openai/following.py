"""How a call waits for its answer: until that changes, or until the web process shuts down."""

import asyncio
from typing import ClassVar
from weakref import WeakSet

from chatapp.conversations.streams.live_answer import LiveAnswer


class Follower:
    """One for each call. Once `is_leaving`, the call ends with a problem; its answer goes on."""

    _all: ClassVar[WeakSet["Follower"]] = WeakSet()

    def __init__(self) -> None:
        self.is_leaving = False
        self._waiting: asyncio.Task[int] | None = None
        self._all.add(self)

    @classmethod
    def leave_all(cls) -> None:
        for follower in list(cls._all):
            follower.leave()

    def leave(self) -> None:
        self.is_leaving = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def changed(self, live: LiveAnswer, version: int, *, seconds: float | None = None) -> int:
        """The answer's next version; the same one when it is time to leave. Raises TimeoutError after `seconds`."""
        self._waiting = asyncio.ensure_future(live.changed(version))
        try:
            return await asyncio.wait_for(self._waiting, seconds)
        except asyncio.CancelledError:
            if self.is_leaving:
                return version
            raise
