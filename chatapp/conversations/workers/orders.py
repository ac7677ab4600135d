"""What operators tell an inference worker: it looks with every heartbeat, and at once when it is signalled."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import close_old_connections

from chatapp.conversations.workers.drain import GRACE_SECONDS
from chatapp.database import AWAY
from chatapp.inference import services
from chatapp.inference.engine import ChatModel, EngineError
from chatapp.inference.models import ModelVersion, OrderKind, OrderState, WorkerOrder
from chatapp.inference.selectors import get_worker

if TYPE_CHECKING:
    from chatapp.conversations.workers.inference import InferenceWorker

LOOK_SECONDS = 3.0
RUNNING_SECONDS = 0.25
log = structlog.get_logger(__name__)

# What came of an order: None while it is under way.
Outcome = tuple[OrderState, str] | None
Look = Callable[[], Outcome]


class OrderTaker:
    """One thread. It waits for nothing: what takes long is looked at again and again."""

    def __init__(self, worker: "InferenceWorker") -> None:
        self._worker = worker
        self._running: list[tuple[WorkerOrder, Look]] = []
        self.signalled = threading.Event()

    def run(self) -> None:
        while not self._worker.draining.is_set():
            self.signalled.wait(RUNNING_SECONDS if self._running else LOOK_SECONDS)
            self.signalled.clear()
            if self._worker.draining.is_set():
                return  # It ended meanwhile: a row of its name speaks to whoever came after it.
            try:
                self.look()
            except AWAY as error:
                log.warning("orders_not_read", reason=type(error).__name__)
            except Exception:
                log.exception("orders_failed")  # It must outlive whatever one order does to it.
            finally:
                close_old_connections()

    def look(self) -> None:
        """Takes new orders, and says what has come of those under way. Raises one of AWAY."""
        self._heed_the_row()
        for order in services.take_orders(worker=self._worker.name):
            log.info("order_taken", kind=order.kind, version=order.version.name if order.version else "")
            self._running.append((order, self._start(order)))
        for order, look in [*self._running]:
            outcome = look()
            if outcome is not None:
                state, result = outcome
                services.finish_order(order, state=state, result=result)
                self._running.remove((order, look))
                log.info("order_done", kind=order.kind, state=str(state))

    def _heed_the_row(self) -> None:
        """Whether this worker drains is a fact of its row: an order that was lost changes nothing."""
        row = get_worker(self._worker.name)
        if row is None:
            return
        if row.ejected_at is not None and not self._worker.ejected.is_set():
            self._leave()
        if row.is_draining:
            self._worker.resting.set()
            if not self._worker.replies and row.drained_at is None:
                services.note_drained(worker=self._worker.name)
        elif self._worker.resting.is_set() and not self._worker.ejected.is_set():
            self._worker.resting.clear()
            self._worker.answer_unannounced()

    def _start(self, order: WorkerOrder) -> Look:
        match OrderKind(order.kind), order.version:
            case OrderKind.DRAIN, _:
                return self._drain
            case OrderKind.LOAD, ModelVersion() as version:
                return _look_at(self._worker.pool.load(version), version)
            case OrderKind.UNLOAD, ModelVersion() as version:
                self._worker.pool.unload(version)
                return lambda: self._unload(version)
            case OrderKind.EJECT, _:
                return lambda: (OrderState.DONE, "The worker heard it and ends; its answers were given up.")
            case OrderKind.RESUME, _:
                return lambda: (OrderState.DONE, "It answers again.")
        return lambda: (OrderState.FAILED, "The version was removed.")

    def _drain(self) -> Outcome:
        if not self._worker.resting.is_set():
            return OrderState.FAILED, "It was told to answer again."
        if self._worker.replies:
            return None
        services.note_drained(worker=self._worker.name)
        return OrderState.DONE, "It has drained: no answer runs here, and it claims none."

    def _unload(self, version: ModelVersion) -> Outcome:
        if version.id in self._worker.pool.loaded():
            self._worker.pool.unload(version)
            return None
        return OrderState.DONE, f"{version.name} is not loaded here and answers nothing until it is loaded again."

    def _leave(self) -> None:
        """Its answers are others' now; the process ends as on SIGTERM, or is ended when that hangs."""
        log.warning("ejected", answers=len(self._worker.replies))
        self._worker.ejected.set()
        self._worker.resting.set()
        for reply in [*self._worker.replies.values()]:
            reply.lose()
        threading.Thread(target=_end_process, name="ejection", daemon=True).start()


def _look_at(loading: "Future[ChatModel]", version: ModelVersion) -> Look:
    def look() -> Outcome:
        if not loading.done():
            return None
        try:
            loading.result()
        except EngineError as error:  # Worded for people.
            return OrderState.FAILED, f"{version.name} was not loaded: {error}"
        except CancelledError:
            return OrderState.FAILED, "The worker stopped while it loaded."
        return OrderState.DONE, f"{version.name} is loaded, and stays so until it is unloaded."

    return look


def _end_process() -> None:
    time.sleep(1.0)  # So that the order's end is written first.
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(settings.DRAIN_SECONDS + 2 * GRACE_SECONDS)
    os._exit(1)
