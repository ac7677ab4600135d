"""A pipeline worker process: the embedder and the heartbeat beside Celery's tasks."""

import threading
from contextlib import suppress

import structlog
from django.db import DatabaseError, close_old_connections

from chatapp.database import AWAY
from chatapp.inference.models import WorkerKind
from chatapp.inference.presence import forget_presence, report_presence
from chatapp.retrieval.embedding import EmbeddingError, embed_query

HEARTBEAT_SECONDS = 3.0
log = structlog.get_logger(__name__)


class PipelineWorker:
    """Ready once the embedder has made a vector."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self.changed = threading.Event()
        self.problem = ""
        self.ready = False

    def start(self) -> None:
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        threading.Thread(target=self._warm_up, name="embedder", daemon=True).start()

    def close(self) -> None:
        self.stopping.set()
        self.changed.set()
        with suppress(*AWAY):
            forget_presence(WorkerKind.PIPELINE)

    def _warm_up(self) -> None:
        while not self.stopping.is_set() and not self.ready:
            try:
                embed_query("warm up")
                self.ready, self.problem = True, ""
                self.changed.set()  # Readiness is told at once.
            except EmbeddingError as error:
                self.problem = str(error)
                self.stopping.wait(HEARTBEAT_SECONDS)

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
