"""Figures of workers that change each second: a hash in Redis for each, which ends with the worker.

What must survive a loss of Redis is in Postgres (`Worker`): there this is a gap in what is shown, and nothing else.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from redis.exceptions import RedisError

from chatapp.inference.machine import DeviceFigures
from chatapp.redis import redis_client

EXPIRY_SECONDS = 15
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """A loaded model: answers that run, requests that wait inside its engine, and its memory by estimate, in bytes."""

    version: str
    running: int
    waiting: int
    host_bytes: int | None = None
    device_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """Of one worker. `tokens_per_second`: written, in the last minute."""

    busy: int
    slots: int
    tokens_per_second: float
    devices: Sequence[DeviceFigures]
    models: Sequence[ModelFigures]


def store_figures(worker: str, figures: LiveFigures) -> bool:
    """False when Redis does not take them."""
    fields = {name: json.dumps(value) for name, value in asdict(figures).items()}
    pipeline = redis_client().pipeline(transaction=True)
    pipeline.hset(_key(worker), mapping=fields)
    pipeline.expire(_key(worker), EXPIRY_SECONDS)
    try:
        _execute(pipeline)
    except (RedisError, OSError) as error:
        log.warning("figures_not_stored", reason=type(error).__name__)
        return False
    return True


def forget_figures(worker: str) -> None:
    try:
        redis_client().delete(_key(worker))
    except (RedisError, OSError) as error:
        log.warning("figures_not_removed", reason=type(error).__name__)


def load_figures(workers: Sequence[str]) -> dict[str, LiveFigures] | None:
    """Of those that told some lately; None when Redis cannot be asked."""
    pipeline = redis_client().pipeline(transaction=False)
    for worker in workers:
        pipeline.hgetall(_key(worker))
    try:
        found = _execute(pipeline)
    except (RedisError, OSError) as error:
        log.warning("figures_not_read", reason=type(error).__name__)
        return None
    read = {worker: _read(fields) for worker, fields in zip(workers, found, strict=True) if fields}
    return {worker: figures for worker, figures in read.items() if figures is not None}


def _execute(pipeline: Any) -> Any:
    return pipeline.execute()


def _key(worker: str) -> str:
    return f"worker:{worker}"


def _read(fields: dict[str, str]) -> LiveFigures | None:
    """None for what another version of the product has written otherwise."""
    try:
        told: dict[str, Any] = {name: json.loads(value) for name, value in fields.items()}
        return LiveFigures(
            busy=told["busy"],
            slots=told["slots"],
            tokens_per_second=told["tokens_per_second"],
            devices=[DeviceFigures(**device) for device in told["devices"]],
            models=[ModelFigures(**model) for model in told["models"]],
        )
    except (KeyError, TypeError, ValueError):
        return None
