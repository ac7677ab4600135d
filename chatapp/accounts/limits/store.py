"""The buckets in Redis. One Lua call for all buckets of a request: all are taken from, or none."""

import time

import structlog
from redis.exceptions import RedisError

from chatapp.accounts.limits.buckets import Bucket, Level, Taken, judge
from chatapp.accounts.limits.local import local_buckets
from chatapp.metrics import count_fault
from chatapp.redis import redis_client

# A call that hangs longer is answered here; and then Redis is left alone for a while, so that nobody waits in turn.
PATIENCE_SECONDS = 0.5
PAUSE_SECONDS = 5.0
SETTLED_DAYS = 2
AWAY = (RedisError, OSError)
log = structlog.get_logger(__name__)

# KEYS: the buckets. ARGV: for each capacity, units per second, cost. Time is the server's own, so that all processes
# agree. A cost above the capacity takes the whole bucket, else it could never be paid; a cost of 0 only reads.
_READ = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local function read(i)
  local capacity, rate = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
  local kept = redis.call('HMGET', KEYS[i], 'left', 'at')
  if not kept[1] then return capacity, capacity, rate end
  return math.min(capacity, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * rate), capacity, rate
end
local function write(i, left, capacity, rate)
  redis.call('HSET', KEYS[i], 'left', string.format('%.6f', left), 'at', string.format('%.6f', now))
  redis.call('PEXPIRE', KEYS[i], math.ceil((capacity - left) / rate * 1000) + 60000)
end
"""
_TAKE = (
    _READ
    + """
local left, allowed = {}, 1
for i = 1, #KEYS do
  local has, capacity = read(i)
  left[i] = has
  local cost = math.min(capacity, tonumber(ARGV[3 * i]))
  if cost > 0 and has < cost then allowed = 0 end
end
local told = {allowed}
for i = 1, #KEYS do
  local _, capacity, rate = read(i)
  local cost = math.min(capacity, tonumber(ARGV[3 * i]))
  if allowed == 1 and cost > 0 then
    left[i] = left[i] - cost
    write(i, left[i], capacity, rate)
  end
  told[i + 1] = string.format('%.6f', left[i])
end
return told
"""
)
# The last key marks that it was done, so that a second call changes nothing. A cost is what comes back, or less than 0.
_GIVE = (
    _READ
    + """
if not redis.call('SET', KEYS[#KEYS], '1', 'NX', 'EX', ARGV[#ARGV]) then return 0 end
for i = 1, #KEYS - 1 do
  local has, capacity, rate = read(i)
  write(i, math.min(capacity, has + tonumber(ARGV[3 * i])), capacity, rate)
end
return 1
"""
)


class _Pause:
    """After a failure nobody asks Redis for a while."""

    until = 0.0

    @classmethod
    def begin(cls) -> None:
        cls.until = time.monotonic() + PAUSE_SECONDS

    @classmethod
    def is_on(cls) -> bool:
        return time.monotonic() < cls.until


def take(buckets: dict[Bucket, float]) -> Taken:
    """Takes each bucket's cost, or nothing. Without Redis from this process's own, smaller buckets; never raises."""
    if not buckets:
        return Taken(levels=(), is_allowed=True)
    if not _Pause.is_on():
        try:
            return _take(buckets)
        except AWAY as error:
            log.warning("limits_without_redis", reason=type(error).__name__)
            _Pause.begin()
    count_fault("limits_local")
    return local_buckets.take(buckets)


def give_back(amounts: dict[Bucket, float], *, once: str) -> bool:
    """Adds what was reserved and not used, or takes what was used beyond it; a second call with `once` does nothing.

    False when Redis is away: try again later.
    """
    if not amounts:
        return True
    if _Pause.is_on():
        return False
    try:
        keys = [*(bucket.key for bucket in amounts), f"limits:settled:{once}"]
        redis_client(patience=PATIENCE_SECONDS).eval(
            _GIVE, len(keys), *keys, *_arguments(amounts), SETTLED_DAYS * 86_400
        )
    except AWAY as error:
        log.warning("limits_without_redis", reason=type(error).__name__)
        _Pause.begin()
        return False
    return True


def _take(buckets: dict[Bucket, float]) -> Taken:
    allowed, *found = redis_client(patience=PATIENCE_SECONDS).eval(
        _TAKE, len(buckets), *(b.key for b in buckets), *_arguments(buckets)
    )
    left = [float(value) for value in found]
    if int(allowed):
        levels = tuple(Level(bucket, has) for bucket, has in zip(buckets, left, strict=True))
        return Taken(levels=levels, is_allowed=True)
    return judge({bucket: min(cost, bucket.capacity) for bucket, cost in buckets.items()}, left)


def _arguments(buckets: dict[Bucket, float]) -> list[float]:
    return [value for bucket, cost in buckets.items() for value in (bucket.capacity, bucket.per_second, cost)]
