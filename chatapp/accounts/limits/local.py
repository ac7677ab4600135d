"""Buckets of this process alone, for when Redis is away: smaller, since each process has its own."""

import threading
import time
from collections import OrderedDict

from chatapp.accounts.limits.buckets import Bucket, Level, Taken, judge

SHARE = 0.25
MOST_KEPT = 10_000


class LocalBuckets:
    """Each holds and refills a quarter of what the one in Redis does. The longest unused are forgotten first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, buckets: dict[Bucket, float]) -> Taken:
        """As `store.take`."""
        costs = {bucket: min(cost, _capacity(bucket)) for bucket, cost in buckets.items()}
        with self._lock:
            now = time.monotonic()
            left = [self._read(bucket, now) for bucket in costs]
            taken = judge(costs, left, share=SHARE)
            if not taken.is_allowed:
                return taken
            left = [has - cost for has, cost in zip(left, costs.values(), strict=True)]
            for bucket, has in zip(costs, left, strict=True):
                self._kept[bucket.key] = (has, now)
                self._kept.move_to_end(bucket.key)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        levels = tuple(Level(bucket, has) for bucket, has in zip(costs, left, strict=True))
        return Taken(levels=levels, is_allowed=True, is_local=True)

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()

    def _read(self, bucket: Bucket, now: float) -> float:
        left, at = self._kept.get(bucket.key, (_capacity(bucket), now))
        return min(_capacity(bucket), left + (now - at) * bucket.per_second * SHARE)


def _capacity(bucket: Bucket) -> float:
    return max(1.0, bucket.capacity * SHARE)


local_buckets = LocalBuckets()
