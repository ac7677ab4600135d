"""A token bucket: what it holds at most, and how fast it fills again."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bucket:
    """`name` is shown to callers, `key` tells buckets apart in the store; `quota` units refill in `period` seconds."""

    name: str
    key: str
    unit: str
    quota: int
    period: int
    capacity: int

    @property
    def per_second(self) -> float:
        return self.quota / self.period


@dataclass(frozen=True, slots=True)
class Level:
    """What a bucket holds after a call; below zero when more was used than had been reserved."""

    bucket: Bucket
    left: float

    @property
    def remaining(self) -> int:
        return max(0, math.floor(self.left))

    @property
    def full_in(self) -> int:
        """Whole seconds until it is full."""
        return math.ceil(max(0.0, self.bucket.capacity - self.left) / self.bucket.per_second)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one call for all its buckets: either everything was taken, or nothing."""

    levels: tuple[Level, ...]
    is_allowed: bool
    wait_seconds: int = 0
    refused_by: Bucket | None = None
    is_local: bool = False


def judge(costs: dict[Bucket, float], left: list[float], *, share: float = 1.0) -> Taken:
    """What becomes of a call that found so much `left`, in the order of `costs`; `share` is how fast they refill."""
    levels = tuple(Level(bucket, has) for bucket, has in zip(costs, left, strict=True))
    waits = {
        bucket: (cost - has) / (bucket.per_second * share)
        for (bucket, cost), has in zip(costs.items(), left, strict=True)
        if cost > 0 and has < cost
    }
    is_local = share < 1
    if not waits:
        return Taken(levels=levels, is_allowed=True, is_local=is_local)
    slowest = max(waits, key=lambda bucket: waits[bucket])
    seconds = max(1, math.ceil(waits[slowest]))
    return Taken(levels=levels, is_allowed=False, wait_seconds=seconds, refused_by=slowest, is_local=is_local)
