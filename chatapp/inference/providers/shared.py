"""What all workers know together of a provider lives in Valkey/Redis. Without it each answer is simply tried."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import structlog
from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = structlog.get_logger(__name__)


@lru_cache(maxsize=1)
def _client() -> Any:
    return Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=2,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 0),
    )


class SharedScript:
    """A Lua script: atomic, and by the server's clock, so that workers need not agree on the time."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __call__(self, *, keys: Sequence[str], args: Sequence[object]) -> Any:
        """Its answer, or None when Redis cannot be asked, which is logged."""
        try:
            return _client().eval(self._source, len(keys), *keys, *args)
        except (RedisError, OSError) as error:
            log.warning("provider_state_unavailable", reason=type(error).__name__)
            return None
