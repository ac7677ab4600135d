"""Connections to Valkey/Redis. Typed as Any: redis-py's types mix the answers of its two decoding modes."""

from functools import lru_cache
from typing import Any

from django.conf import settings
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.backoff import NoBackoff
from redis.retry import Retry


@lru_cache
def redis_client(*, patience: float = 2) -> Any:
    """For short commands of web threads and workers: gives up after so many seconds, since Postgres holds the truth."""
    return Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=patience,
        socket_connect_timeout=min(1, patience),
        retry=Retry(NoBackoff(), 0),
    )


def blocking_client() -> Any:
    """For a thread that waits on a subscription, a second at a time; a server that hangs for longer is left."""
    return Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=10,
        socket_connect_timeout=2,
        health_check_interval=5,
        retry=Retry(NoBackoff(), 0),
    )


def async_client() -> Any:
    """For the one reader of a web process, which blocks on its streams."""
    return AsyncRedis.from_url(settings.REDIS_URL, decode_responses=True, socket_timeout=None, socket_connect_timeout=2)
