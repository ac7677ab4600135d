"""A pipeline worker process: the embedder and the heartbeat beside Celery's tasks."""

import threading
from contextlib import suppress

import structlog
from django.db import DatabaseError, close_old_connections

from chatapp.database import AWAY
from chatapp.inference.live_figures import LiveFigures, forget_figures, store_figures
from chatapp.inference.machine import measure_devices
from chatapp.inference.models import WorkerKind
from chatapp.inference.presence import Presence, Report, forget_presence, worker_name
from chatapp.retrieval.embedding import EmbeddingError
from chatapp.retrieval.services import warm_models

HEARTBEAT_SECONDS = 3.0
# How long after an index became ready, or serves, its model is loaded here at the latest.
WARM_SECONDS = 15.0
log = structlog.get_logger(__name__)


class PipelineWorker:
    """Ready while it can make vectors as search needs them now."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.changed = threading.Event()
        self.problem = ""
        self.ready = False

    def start(self) -> None:
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        threading.Thread(target=self._keep_warm, name="embedder", daemon=True).start()

    def close(self) -> None:
        self.stopping.set()
        self.changed.set()
        with suppress(*AWAY):
            forget_presence(WorkerKind.PIPELINE)
        forget_figures(worker_name(WorkerKind.PIPELINE))

    def _keep_warm(self) -> None:
        name = worker_name(WorkerKind.PIPELINE)
        while not self.stopping.is_set():
            before = (self.ready, self.problem)
            try:
                warm_models(worker=name)
                self.ready, self.problem = True, ""
            except EmbeddingError as error:
                self.ready, self.problem = False, str(error)
            except AWAY as error:
                log.warning("warm_up_failed", reason=type(error).__name__)
            finally:
                close_old_connections()
            if (self.ready, self.problem) != before:
                self.changed.set()  # Readiness is told at once.
            self.stopping.wait(WARM_SECONDS if self.ready else HEARTBEAT_SECONDS)

    def _beat(self) -> None:
        presence = Presence(WorkerKind.PIPELINE)
        while not self.stopping.is_set():
            self.changed.clear()
            try:
                presence.report(Report(ready=self.ready, problem=self.problem))
                figures = LiveFigures(busy=0, slots=0, tokens_per_second=0.0, devices=measure_devices(), models=())
                store_figures(worker_name(WorkerKind.PIPELINE), figures)
            except DatabaseError as error:
                log.warning("heartbeat_failed", reason=type(error).__name__)
            finally:
                close_old_connections()
            self.changed.wait(HEARTBEAT_SECONDS)
