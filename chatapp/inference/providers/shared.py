"""What all workers know together of a provider lives in Valkey/Redis. Without it each answer is simply tried."""

import time
from collections.abc import Sequence
from typing import Any

import structlog
from redis.exceptions import RedisError

from chatapp.redis import redis_client

# After a failure Redis is not asked for this long, so that answers do not wait for it one after the other.
_REST_SECONDS = 5.0
log = structlog.get_logger(__name__)


class SharedScript:
    """A Lua script: atomic, and by the server's clock, so that workers need not agree on the time."""

    _rests_until = 0.0

    def __init__(self, source: str) -> None:
        self._source = source

    def __call__(self, *, keys: Sequence[str], args: Sequence[object]) -> Any:
        """Its answer, or None when Redis cannot be asked, which is logged."""
        if time.monotonic() < SharedScript._rests_until:
            return None
        try:
            return redis_client().eval(self._source, len(keys), *keys, *args)
        except (RedisError, OSError) as error:
            SharedScript._rests_until = time.monotonic() + _REST_SECONDS
            log.warning("provider_state_unavailable", reason=type(error).__name__)
            return None
