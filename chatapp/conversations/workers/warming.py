"""Loads what somebody who waits for an answer should not wait for, too."""

import threading

import structlog
from django.db import close_old_connections

from chatapp.database import AWAY
from chatapp.inference.models import WorkerKind
from chatapp.inference.selectors import has_ready_worker
from chatapp.moderation.policy import warm_examiners
from chatapp.retrieval.embedding import EmbeddingError
from chatapp.retrieval.services import warm_models

WARM_SECONDS = 15.0
PIPELINE_PATIENCE_SECONDS = 15
log = structlog.get_logger(__name__)


def warm_up(*, worker: str, draining: threading.Event) -> None:
    """The embedder and the models of checks, at the start. Raises DatabaseError."""
    _let_pipeline_load_first(draining)
    try:
        warm_models(worker=worker)
        warm_examiners()
    except EmbeddingError as error:
        log.warning("embedder_failed", reason=str(error))  # Answers come without sources and say so.


def keep_warm(*, worker: str, draining: threading.Event) -> None:
    """What became needed since: after a swap of embedding indexes, or when a policy was activated."""
    while not draining.wait(WARM_SECONDS):
        try:
            warm_models(worker=worker)
            warm_examiners()
        except (EmbeddingError, *AWAY) as error:
            log.warning("embedder_failed", reason=type(error).__name__)
        finally:
            close_old_connections()


def _let_pipeline_load_first(draining: threading.Event) -> None:
    """At the start of a whole machine two processes that import torch at once on few cores make both late."""
    for _ in range(PIPELINE_PATIENCE_SECONDS):
        if has_ready_worker(WorkerKind.PIPELINE) or draining.wait(1.0):
            return
