"""How many sockets a user and an address may hold in this process, and how many frames a user may send."""

import math
import time
from collections import Counter
from uuid import UUID

from django.conf import settings

CONNECTING_COSTS = 5  # Frames: a handshake asks the database three times.
BURST_SECONDS = 5
FULL_SECONDS = 30  # When a place may be free again: somebody has to close a page.


class Bucket:
    """A token bucket: `rate` tokens a second, at most `burst` at a time."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._tokens, self._at = burst, time.monotonic()

    def take(self, tokens: float = 1) -> int:
        """0, or in how many whole seconds there will be enough."""
        self._refill()
        if self._tokens >= tokens:
            self._tokens -= tokens
            return 0
        return max(1, math.ceil((tokens - self._tokens) / self.rate))

    @property
    def is_full(self) -> bool:
        self._refill()
        return self._tokens >= self.burst

    def _refill(self) -> None:
        now = time.monotonic()
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now


class Shares:
    def __init__(self) -> None:
        self._of_user: Counter[UUID] = Counter()
        self._at_address: Counter[str] = Counter()
        self._buckets: dict[UUID, Bucket] = {}

    def enter(self, user_id: UUID, address: str) -> int:
        """0 when there is room for one more socket, which `leave` gives back; else after how many seconds to try."""
        if wait := self.take(user_id, CONNECTING_COSTS):
            return wait
        is_crowded = bool(address) and self._at_address[address] >= settings.SOCKETS_PER_ADDRESS
        if is_crowded or self._of_user[user_id] >= settings.SOCKETS_PER_USER:
            return FULL_SECONDS
        self._of_user[user_id] += 1
        self._at_address[address] += 1
        return 0

    def leave(self, user_id: UUID, address: str) -> None:
        self._of_user[user_id] -= 1
        self._at_address[address] -= 1
        if not self._at_address[address]:
            del self._at_address[address]
        if not self._of_user[user_id]:
            del self._of_user[user_id]
            # Who leaves with an empty bucket finds it so when he comes back.
            if self._buckets[user_id].is_full:
                del self._buckets[user_id]

    def take(self, user_id: UUID, frames: int = 1) -> int:
        """0 when the user may send them now; else after how many seconds."""
        rate = settings.SOCKET_FRAMES_PER_SECOND
        return self._buckets.setdefault(user_id, Bucket(rate, rate * BURST_SECONDS)).take(frames)


shares = Shares()
