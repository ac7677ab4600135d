"""Whether the sessions of this process's sockets still hold: one query for all of them, every two seconds.

So a socket ends within five seconds of its session, its user's account or its password, also when Redis has lost the
event that says so; and what roles give is never older than this when a frame asks for it.
"""

import asyncio
import time
from collections.abc import Collection
from typing import Protocol
from weakref import WeakKeyDictionary

import structlog

from chatapp.accounts.models import User
from chatapp.accounts.selectors.standings import Standing, load_standings
from chatapp.database import AWAY, in_thread

LOOK_SECONDS = 2.0
SIGNED_OUT = 4401
_TOGETHER = 5_000
log = structlog.get_logger(__name__)


class Watched(Protocol):
    session_key: str
    user: User

    async def end(self, code: int, reason: str = "") -> None: ...


class Watch:
    def __init__(self) -> None:
        self._looked_at: dict[Watched, float] = {}
        self._looking: asyncio.Task[None] | None = None

    async def join(self, socket: Watched) -> bool:
        """Whether the session holds now; if so, it is watched from now on."""
        if not self._holds(socket, (await self._load([socket])).get(socket.session_key)):
            return False
        self._looked_at[socket] = time.monotonic()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_again_and_again())
        return True

    def leave(self, socket: Watched) -> None:
        self._looked_at.pop(socket, None)

    async def holds(self, socket: Watched) -> bool:
        """By what is at most LOOK_SECONDS old; if not, the socket has been ended. Raises what AWAY names."""
        looked_at = self._looked_at.get(socket)
        if looked_at is None:
            return False
        if time.monotonic() - looked_at > LOOK_SECONDS:
            await self.look([socket])
        return socket in self._looked_at

    async def look(self, sockets: Collection[Watched]) -> None:
        """Ends those whose session does not hold any more; the others know their user's rights anew."""
        standings, now = await self._load(sockets), time.monotonic()
        over = [socket for socket in sockets if not self._holds(socket, standings.get(socket.session_key))]
        self._looked_at |= {socket: now for socket in sockets if socket in self._looked_at}
        for socket in over:
            self._looked_at.pop(socket, None)
        await asyncio.gather(*(socket.end(SIGNED_OUT, "signed out") for socket in over))

    async def _look_again_and_again(self) -> None:
        while self._looked_at:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look(list(self._looked_at))
            except AWAY as error:  # Then nobody's rights change either.
                log.warning("sessions_not_looked_at", reason=type(error).__name__)
            except Exception:
                log.exception("sessions_not_looked_at")

    @staticmethod
    async def _load(sockets: Collection[Watched]) -> dict[str, Standing]:
        keys = list({socket.session_key for socket in sockets})
        found: dict[str, Standing] = {}
        for start in range(0, len(keys), _TOGETHER):
            found |= await in_thread(load_standings)(keys[start : start + _TOGETHER])
        return found

    @staticmethod
    def _holds(socket: Watched, standing: Standing | None) -> bool:
        user = socket.user
        if standing is None or (standing.user_id, standing.password) != (user.pk, user.password):
            return False
        user.roles, user.permissions = standing.roles, standing.permissions
        return True


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, Watch] = WeakKeyDictionary()


def get_watch() -> Watch:
    """The watch of the running event loop; a web process has one."""
    return _watches.setdefault(asyncio.get_running_loop(), Watch())
