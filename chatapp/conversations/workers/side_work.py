"""When a worker does side work: only while nobody waits for it, and not for ever."""

from uuid import UUID

import structlog
from django.conf import settings
from django.db import close_old_connections

from chatapp.conversations import events, selectors
from chatapp.conversations.pipeline.side_work import (
    EXPIRES,
    YieldedError,
    version_for,
    write_summary,
    write_title,
)
from chatapp.conversations.queue import has_queued
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.engine import ChatModel, EngineError
from chatapp.inference.models import ModelVersion, Task
from chatapp.inference.pool import can_serve

RETRY_SECONDS = 3.0
TRIES = {Task.TITLE: 20, Task.SUMMARY: 200}
# A worker of many slots is hardly ever idle: a summary then takes a free slot beside answers that run.
PATIENT_TRIES = 20
_ERRANDS = {Task.TITLE: write_title, Task.SUMMARY: write_summary}
log = structlog.get_logger(__name__)


def do_side_work(worker: InferenceWorker, task: Task, generation_id: UUID, *, tries: int) -> None:
    """Idempotent, and no loss when it is never done: the title stays, and the oldest turns give way."""
    try:
        if worker.draining.is_set() or not _try(worker, task, generation_id, tries):
            _later(task, generation_id, tries)
    except EngineError as error:
        log.warning("side_work_failed", task=task, generation=str(generation_id), reason=str(error))
    finally:
        close_old_connections()


def _try(worker: InferenceWorker, task: Task, generation_id: UUID, tries: int) -> bool:
    """False when it has to be tried later. Raises EngineError."""
    generation = selectors.get_answered(generation_id)
    version = version_for(generation, task) if generation is not None else None
    if generation is None or version is None:
        return True

    def must_yield() -> bool:
        return worker.draining.is_set() or not _is_quiet(worker, task, tries)

    model = _model_at_hand(worker, version, tries)
    if model is None or must_yield():
        return False
    try:
        _ERRANDS[task](generation, model=model, version=version, must_yield=must_yield)
    except YieldedError:
        return False
    return True


def _is_quiet(worker: InferenceWorker, task: Task, tries: int) -> bool:
    if has_queued():
        return False
    patient = task != Task.SUMMARY or tries < PATIENT_TRIES
    return not worker.replies if patient else len(worker.replies) < settings.INFERENCE_SLOTS


def _model_at_hand(worker: InferenceWorker, version: ModelVersion, tries: int) -> ChatModel | None:
    """Side work waits for no weights in a slot; it asks for them once and comes back."""
    model = worker.pool.loaded().get(version.id)
    if model is None and tries == 0 and can_serve(version):
        worker.pool.prepare(version)
    return model


def _later(task: Task, generation_id: UUID, tries: int) -> None:
    if tries + 1 < TRIES[task]:
        events.request_side_work(task, generation_id, tries=tries + 1, delay=RETRY_SECONDS, expires=EXPIRES)
