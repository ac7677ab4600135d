"""A pipeline worker process: the embedder and the heartbeat beside Celery's tasks."""

import threading
from contextlib import suppress

import structlog
from django.db import DatabaseError, close_old_connections

from chatapp.database import AWAY
from chatapp.inference.models import WorkerKind
from chatapp.inference.presence import forget_presence, report_presence, worker_name
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
        while not self.stopping.is_set():
            self.changed.clear()
            try:
                report_presence(kind=WorkerKind.PIPELINE, ready=self.ready, problem=self.problem)
            except DatabaseError as error:
                log.warning("heartbeat_failed", reason=type(error).__name__)
            finally:
                close_old_connections()
            self.changed.wait(HEARTBEAT_SECONDS)
