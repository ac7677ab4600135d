"""When a worker does side work: only while nobody waits for it, and not for ever."""

import threading
from uuid import UUID

import structlog
from django.conf import settings
from django.db import close_old_connections

from chatapp.conversations import events, selectors
from chatapp.conversations.models import Generation
from chatapp.conversations.pipeline.shadow import candidate_for, write_shadow
from chatapp.conversations.pipeline.side_work import (
    EXPIRES,
    YieldedError,
    version_for,
    write_summary,
    write_title,
)
from chatapp.conversations.queue import has_queued
from chatapp.conversations.shadows.selectors import get_shadowed
from chatapp.conversations.shadows.services import give_up_shadow
from chatapp.conversations.workers.inference import InferenceWorker
from chatapp.inference.engine import EngineError
from chatapp.inference.models import ModelVersion, ShadowState, Task
from chatapp.inference.pool import can_serve

RETRY_SECONDS = 3.0
TRIES = {Task.TITLE: 20, Task.SUMMARY: 200, Task.SHADOW: 100}
# A worker of many slots is hardly ever idle: one of eight slots may be busy meanwhile. Of few slots, none.
SLOTS_PER_BUSY_ONE = 8
_one_at_a_time = threading.Lock()
_ERRANDS = {Task.TITLE: write_title, Task.SUMMARY: write_summary, Task.SHADOW: write_shadow}
log = structlog.get_logger(__name__)


def do_side_work(worker: InferenceWorker, task: Task, generation_id: UUID, *, tries: int) -> None:
    """Idempotent, and no loss when it is never done: the title stays, and the oldest turns give way."""
    is_done = False
    if _one_at_a_time.acquire(blocking=False):
        try:
            is_done = _try(worker, task, generation_id, tries)
        except EngineError as error:
            log.warning("side_work_failed", task=task, generation=str(generation_id), reason=str(error))
            is_done = True
            _leave(task, generation_id, ShadowState.FAILED)
        finally:
            _one_at_a_time.release()
            close_old_connections()
    if not is_done and tries + 1 < TRIES[task]:
        events.request_side_work(task, generation_id, tries=tries + 1, delay=RETRY_SECONDS, expires=EXPIRES)
    elif not is_done:
        _leave(task, generation_id, ShadowState.SKIPPED)


def _leave(task: Task, generation_id: UUID, state: ShadowState) -> None:
    """Figures of a rollout count what was not written, too."""
    if task == Task.SHADOW:
        code = "model_error" if state == ShadowState.FAILED else ""
        give_up_shadow(generation_id, state, error_code=code)


def _try(worker: InferenceWorker, task: Task, generation_id: UUID, tries: int) -> bool:
    """False when it has to be tried later. Raises EngineError."""
    generation, version = _find(task, generation_id)
    if generation is None or version is None:
        _leave(task, generation_id, ShadowState.SKIPPED)
        return True

    def must_yield() -> bool:
        return worker.draining.is_set() or not _is_quiet(worker)

    if must_yield() or not _is_at_hand(worker, version, tries):
        return False
    try:
        with worker.pool.using(version, waiting=_give_way) as model:
            _ERRANDS[task](generation, model=model, version=version, must_yield=must_yield)
    except YieldedError:
        return False
    return True


def _find(task: Task, generation_id: UUID) -> tuple[Generation | None, ModelVersion | None]:
    if task == Task.SHADOW:
        shadowed = get_shadowed(generation_id)
        return shadowed, candidate_for(shadowed) if shadowed else None
    answered = selectors.get_answered(generation_id)
    return answered, version_for(answered, task) if answered else None


def _give_way() -> None:
    """The model was unloaded this moment; no slot waits until it is there again."""
    raise YieldedError


def _is_quiet(worker: InferenceWorker) -> bool:
    return len(worker.replies) <= settings.INFERENCE_SLOTS // SLOTS_PER_BUSY_ONE and not has_queued()


def _is_at_hand(worker: InferenceWorker, version: ModelVersion, tries: int) -> bool:
    """Side work waits for no weights in a slot; it asks for them once and comes back."""
    if version.id in worker.pool.loaded():
        return True
    if tries == 0 and can_serve(version):
        worker.pool.prepare(version)
    return False
