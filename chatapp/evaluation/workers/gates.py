"""Gates in an inference worker: judgements and load tests, one at a time, on what people leave free of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections

from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.evaluation.services import Bench, measure_gate
from chatapp.inference.engine import ChatModel, EngineError
from chatapp.inference.models import ModelVersion

_one_at_a_time = threading.Lock()


def measure_on(worker: InferenceWorker, run_id: UUID) -> None:
    """Two load tests at a time would measure each other: the second is left to the next sweep."""
    if not _one_at_a_time.acquire(blocking=False):
        return
    try:
        measure_gate(run_id=run_id, bench=bench_of(worker))
    finally:
        _one_at_a_time.release()
        close_old_connections()


def bench_of(worker: InferenceWorker) -> Bench:
    def is_leaving() -> bool:
        return not worker.may_claim

    def waiting() -> None:
        if is_leaving():
            raise EngineError("The worker is stopping.")

    @contextmanager
    def using(version: ModelVersion) -> Iterator[ChatModel]:
        with worker.pool.using(version, waiting=waiting) as model:
            yield model

    return Bench(
        worker=worker.name,
        slots=settings.INFERENCE_SLOTS,
        serves=worker.pool.serves,
        using=using,
        room=lambda: settings.INFERENCE_SLOTS - len(worker.replies),
        is_leaving=is_leaving,
    )
