"""The short way to a worker: a list at which one with a free slot waits. Celery's way takes about 10 ms more.

An element says only that there is work. One that is lost changes nothing: workers also look once a second.
"""

from typing import Any

from chatapp.redis import redis_client

KEY = "generation-wake-ups"
# Those that nobody waits for are of little use: a slot that becomes free looks for itself.
LONGEST = 64
EXPIRY_SECONDS = 30


def ring() -> bool:
    """Whether a worker has taken it, as far as can be told: none that was rung before lies there still."""
    pipeline = redis_client().pipeline(transaction=False)
    pipeline.lpush(KEY, 1)
    pipeline.ltrim(KEY, 0, LONGEST - 1)
    pipeline.expire(KEY, EXPIRY_SECONDS)
    return bool(pipeline.execute()[0] == 1)


def hear(client: Any, seconds: float) -> bool:
    """Waits for one, which then is nobody else's. `client` is one that may block."""
    return client.blpop(KEY, timeout=seconds) is not None
