"""How often all workers together may ask a provider: token buckets, one for requests and one for tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatapp.inference.providers.call import Call
from chatapp.inference.providers.errors import ProviderError
from chatapp.inference.providers.shared import SharedScript

_LONGEST_PAUSE_SECONDS = 5.0
# Per bucket: capacity, refill a second, cost. Takes from all or from none; answers 0, or the seconds to wait. A cost
# above the capacity is served by a full bucket, which then owes the rest.
_TAKE = SharedScript("""
local now = redis.call('TIME'); now = now[1] + now[2] / 1e6
local levels, wait = {}, 0
for i, key in ipairs(KEYS) do
    local capacity, rate, cost = tonumber(ARGV[3*i-2]), tonumber(ARGV[3*i-1]), tonumber(ARGV[3*i])
    local b = redis.call('HMGET', key, 'level', 'at')
    local level = math.min(capacity, (tonumber(b[1]) or capacity) + (now - (tonumber(b[2]) or now)) * rate)
    levels[i] = level
    wait = math.max(wait, (math.min(cost, capacity) - level) / rate)
end
if wait > 0 then return tostring(wait) end
for i, key in ipairs(KEYS) do
    redis.call('HSET', key, 'level', levels[i] - tonumber(ARGV[3*i]), 'at', now)
    redis.call('EXPIRE', key, 600)
end
return '0'
""")


@dataclass(frozen=True, slots=True)
class Rates:
    """`name` is shared by all that share the limits; None is no limit."""

    name: str
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    def wait(self, call: Call) -> None:
        """Return when it is this call's turn. Raises `ProviderError` when that is past its time for a first text."""
        tokens = call.stream.usage.prompt_tokens + call.question.max_tokens
        limits = [("requests", self.requests_per_minute, 1), ("tokens", self.tokens_per_minute, tokens)]
        buckets = [(kind, limit, cost) for kind, limit, cost in limits if limit is not None]
        while buckets and (seconds := self._take(buckets)) > 0:
            if call.seconds_for_text() < seconds:
                raise ProviderError("The rate limit is used up.", retryable=True, retry_after=seconds)
            call.pause(min(seconds, _LONGEST_PAUSE_SECONDS))

    def _take(self, buckets: Sequence[tuple[str, int, int]]) -> float:
        keys = [f"provider:rate:{self.name}:{kind}" for kind, _limit, _cost in buckets]
        # A small bucket: what is sent in any minute stays near the limit, also in the first one.
        args = [number for _kind, limit, cost in buckets for number in (max(1, limit / 10), limit / 60, cost)]
        return float(_TAKE(keys=keys, args=args) or 0)
