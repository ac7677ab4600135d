"""What an inference worker says of itself every few seconds: the lasting part to Postgres, the rest to Redis."""

import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from django.conf import settings

from chatapp.inference.gpus import measure_gpus
from chatapp.inference.live_figures import LiveFigures, ModelFigures, store_figures
from chatapp.inference.machine import measure_devices
from chatapp.inference.models import WorkerKind
from chatapp.inference.pool import ModelUse
from chatapp.inference.presence import Presence, Report

if TYPE_CHECKING:
    from chatapp.conversations.workers.inference import InferenceWorker

RATE_SECONDS = 60.0
log = structlog.get_logger(__name__)


class TokenRate:
    """Tokens a second, of what the counters of all loaded models have grown by in the last minute."""

    def __init__(self) -> None:
        self._counted: dict[UUID, int] = {}
        self._grown: deque[tuple[float, int]] = deque()
        self._since: float | None = None

    def take(self, counters: dict[UUID, int], *, now: float) -> float:
        """A counter that is less than before belongs to a model that was loaded anew."""
        grown = 0
        for version, count in counters.items():
            before = self._counted.get(version, count if self._since is None else 0)
            grown += count - before if count >= before else count
        self._counted = dict(counters)
        self._since = now if self._since is None else self._since
        self._grown.append((now, grown))
        while self._grown[0][0] <= now - RATE_SECONDS:
            self._grown.popleft()
        seconds = min(RATE_SECONDS, now - self._since)
        return sum(count for _, count in self._grown) / seconds if seconds else 0.0


class Reporter:
    def __init__(self, worker: "InferenceWorker") -> None:
        self._worker = worker
        self._presence = Presence(WorkerKind.INFERENCE)
        self._rate = TokenRate()

    def report(self) -> None:
        """Raises DatabaseError; without Redis the figures are missing, and nothing else."""
        worker = self._worker
        loaded = worker.pool.loaded()
        self._presence.report(
            Report(
                ready=bool(loaded) and not worker.resting.is_set(),
                slots=settings.INFERENCE_SLOTS,
                busy=len(worker.replies),
                loaded=list(loaded),
                loading=worker.pool.loading(),
                serves=[version.id for version in worker.served()],
            )
        )
        try:
            measure_gpus()
            self._tell_figures(worker.pool.uses())
        except Exception:
            log.exception("figures_not_told")  # A model that is being freed, a driver: the heartbeat must outlive it.

    def _tell_figures(self, uses: Sequence[ModelUse]) -> None:
        stats = {use.version_id: use.model.stats() for use in uses}
        written = {version: stat.completion_tokens for version, stat in stats.items()}
        figures = LiveFigures(
            busy=len(self._worker.replies),
            slots=settings.INFERENCE_SLOTS,
            tokens_per_second=round(self._rate.take(written, now=time.monotonic()), 1),
            devices=measure_devices(),
            models=[
                ModelFigures(
                    version=str(use.version_id),
                    running=use.users,
                    waiting=stats[use.version_id].waiting,
                    host_bytes=use.need.host_bytes if use.need else None,
                    device_bytes=use.need.device_bytes if use.need else None,
                )
                for use in uses
            ],
        )
        store_figures(self._worker.name, figures)
