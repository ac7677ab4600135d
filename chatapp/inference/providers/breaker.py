"""A circuit breaker that all workers share: an endpoint that fails too often is left alone, then tried once.

pybreaker's Redis storage was looked at: it counts failures in a row, not their share in a window, and lets every
worker try at once when the pause is over.
"""

from chatapp.inference.providers.shared import SharedScript

WINDOW_SECONDS = 30
MIN_FAILURES = 5
FAILURE_SHARE = 0.5
OPEN_SECONDS = 15
TRIAL_SECONDS = 60
_FORGET_SECONDS = 600

# Fields: start and counts of this window and the one before it; `opened`: when the circuit opened; `trial`: until
# when one request that was let through while it is open may take.
_ALLOWS = SharedScript("""
local now = redis.call('TIME'); now = now[1] + now[2] / 1e6
local state = redis.call('HMGET', KEYS[1], 'opened', 'trial')
if not state[1] then return 1 end
if now < state[1] + ARGV[1] or (state[2] and now < tonumber(state[2])) then return 0 end
redis.call('HSET', KEYS[1], 'trial', now + ARGV[2])
return 1
""")
_RECORD = SharedScript("""
local now = redis.call('TIME'); now = now[1] + now[2] / 1e6
local window, min_failures, share = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local ok = ARGV[1] == '1'
local s = redis.call('HMGET', KEYS[1], 'opened', 'start', 'good', 'bad', 'good_before', 'bad_before')
if s[1] then
    if ok then redis.call('DEL', KEYS[1]) else
        redis.call('HDEL', KEYS[1], 'trial')
        redis.call('HSET', KEYS[1], 'opened', now)
    end
    return 0
end
local start, good, bad = tonumber(s[2] or now), tonumber(s[3] or 0), tonumber(s[4] or 0)
local good_before, bad_before = tonumber(s[5] or 0), tonumber(s[6] or 0)
if now >= start + 2 * window then good_before, bad_before, good, bad, start = 0, 0, 0, 0, now
elseif now >= start + window then good_before, bad_before, good, bad, start = good, bad, 0, 0, start + window end
if ok then good = good + 1 else bad = bad + 1 end
redis.call('HSET', KEYS[1], 'start', start, 'good', good, 'bad', bad,
    'good_before', good_before, 'bad_before', bad_before)
redis.call('EXPIRE', KEYS[1], ARGV[5])
local failures, all = bad + bad_before, bad + bad_before + good + good_before
if failures >= min_failures and failures >= share * all then
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'opened', now)
    redis.call('EXPIRE', KEYS[1], ARGV[5])
end
return 0
""")


class Breaker:
    """Opens at `FAILURE_SHARE` of the answers of the last one to two windows; without Redis it is closed."""

    def allows(self, endpoint: str) -> bool:
        answer = _ALLOWS(keys=[_key(endpoint)], args=[OPEN_SECONDS, TRIAL_SECONDS])
        return bool(answer is None or answer)

    def record(self, endpoint: str, *, ok: bool) -> None:
        args = [int(ok), WINDOW_SECONDS, MIN_FAILURES, FAILURE_SHARE, _FORGET_SECONDS]
        _RECORD(keys=[_key(endpoint)], args=args)


def _key(endpoint: str) -> str:
    return f"provider:breaker:{endpoint}"
